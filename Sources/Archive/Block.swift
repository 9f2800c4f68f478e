import Foundation

/// A piece of an archive on its way through the pipeline: up to 1 MiB of tar stream, or what became of it.
///
/// Owned by one thread at a time: the pipeline hands it from stage to stage.
final class Block: @unchecked Sendable {
  /// How much tar stream one block carries; the unit of compression.
  static let size = 1 << 20
  /// Room for the worst case of any compression: stored deflate blocks and a gzip frame, or zstd's bound.
  static let capacity = size + (size >> 7) + 4096

  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 4096)
  var count = 0

  deinit { bytes.deallocate() }

  var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<count]) }
  /// What is left of `size`.
  var space: Int { Self.size - count }

  func append(_ source: UnsafeRawBufferPointer) {
    bytes.baseAddress!.advanced(by: count).copyMemory(from: source.baseAddress!, byteCount: source.count)
    count += source.count
  }
}

/// Blocks that are used again: memory that was touched once is cheap. Bounded by the pipeline's depth.
final class BlockPool: @unchecked Sendable {
  private let lock = NSLock()
  private var free: [Block] = []

  /// How many threads compress or unpack: one for each processor, and eight at most. Each has blocks of its own on their
  /// way, and memory is to stay below 200 MiB on a machine of any size.
  static let threads = max(1, min(8, ProcessInfo.processInfo.activeProcessorCount))

  func take() -> Block {
    let block = lock.withLock { free.popLast() } ?? Block()
    block.count = 0
    return block
  }

  func give(_ block: Block) { lock.withLock { free.append(block) } }
}
