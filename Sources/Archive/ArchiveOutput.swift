import CGoudLinux
import GoudCore

/// Cuts the tar stream into blocks, has them compressed in parallel, and writes and hashes them in order.
final class ArchiveOutput: @unchecked Sendable {
  private let pool = BlockPool()
  private let pipeline: OrderedPipeline<Block, Block>
  private let drain: Drain
  private var block: Block

  /// What the pipeline's last thread alone touches.
  private final class Drain: @unchecked Sendable {
    let file: Descriptor
    var digest = Digest()
    var bytes: Int64 = 0
    /// Up to where write-back has begun, and where what is on its way begins.
    private var started: Int64 = 0
    private var writing: Int64 = 0
    /// Bytes between two beginnings of write-back.
    private static let stride: Int64 = 1 << 20

    init(_ file: Descriptor) { self.file = file }

    func write(_ block: Block) throws {
      try file.write(block.content)
      digest.update(block.content)
      bytes += Int64(block.count)
      // Write back steadily, one stride on its way at a time: a sync of a node on the same device waits for what is before
      // it in the device's queue.
      if bytes - started >= Self.stride {
        goud_await_writeback(file.fd, writing, started - writing)
        goud_start_writeback(file.fd, started, bytes - started)
        writing = started
        started = bytes
      }
    }
  }

  init(_ file: Descriptor, compressor: (any BlockCompressor)?, threads: Int) {
    let pool = pool
    let drain = Drain(file)
    self.drain = drain
    block = pool.take()
    pipeline = OrderedPipeline(name: "compress", width: compressor == nil ? 1 : threads, depth: 2 * threads + 2) {
      input in
      guard let compressor else { return input }
      let output = pool.take()
      try compressor.compress(input, into: output)
      pool.give(input)
      return output
    } consume: { block in
      try drain.write(block)
      pool.give(block)
    }
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(block.space, rest.count)
      block.append(UnsafeRawBufferPointer(rebasing: rest[..<count]))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if block.space == 0 { try flush() }
    }
  }

  private func flush() throws {
    try pipeline.submit(block)
    block = pool.take()
  }

  /// - Returns: the SHA-256 and the size of everything written.
  func finish() throws -> (sha256: String, bytes: Int64) {
    do {
      if block.count > 0 { try flush() }
    } catch {
      abandon()
      throw error
    }
    try pipeline.finish()
    return (drain.digest.hex(), drain.bytes)
  }

  func abandon() { try? pipeline.finish(abandoning: true) }
}
