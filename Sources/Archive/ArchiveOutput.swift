import GoudCore

/// Cuts the tar stream into blocks, has them compressed in parallel, and writes and hashes them in order.
final class ArchiveOutput: @unchecked Sendable {
  private let pool = BlockPool()
  private let pipeline: OrderedPipeline<Block, Block>
  private let drain: Drain
  private var block: Block

  /// What the pipeline's last thread alone touches.
  private final class Drain: @unchecked Sendable {
    let sink: any ArchiveSink
    var digest = Digest()
    var bytes: Int64 = 0

    init(_ sink: any ArchiveSink) { self.sink = sink }

    func write(_ block: Block) throws {
      try sink.write(block.content)
      digest.update(block.content)
      bytes += Int64(block.count)
    }
  }

  init(_ sink: any ArchiveSink, compressor: (any BlockCompressor)?, threads: Int) {
    let pool = pool
    let drain = Drain(sink)
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
