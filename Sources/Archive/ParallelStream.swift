import CISAL
import CLibZstd
import Foundation
import GoudCore

/// Unpacks an archive whose pieces stand alone (`BlockCompressor`) on several threads, in order.
///
/// A feeder thread reads, hashes and cuts the file into pieces; workers unpack them; `next` hands them out. Bounded by
/// the pipeline's depth and a queue of as many blocks.
final class ParallelStream: ByteStream, @unchecked Sendable {
  private let condition = NSCondition()
  private let depth: Int
  private let pool = BlockPool()
  // Guarded by `condition`.
  private var ready: [Block] = []
  private var ended = false
  private var stopped = false
  private var failure: (any Error)?
  private var running = true
  private var present: Block?

  /// - Parameter cutter: takes from the source; used by the feeder alone.
  init(_ cutter: PieceCutter, threads: Int) {
    depth = 2 * threads + 2
    let thread = Thread { [self] in feed(cutter, threads: threads) }
    thread.name = "read"
    thread.start()
  }

  func next() throws -> UnsafeRawBufferPointer? {
    condition.lock()
    defer { condition.unlock() }
    if let present { pool.give(present) }
    present = nil
    while ready.isEmpty && !ended && failure == nil { condition.wait() }
    if let failure { throw failure }
    guard !ready.isEmpty else { return nil }
    let block = ready.removeFirst()
    condition.broadcast()
    present = block
    return block.content
  }

  /// Ends the threads and waits for them; call it when done, on every path.
  func stop() {
    condition.lock()
    defer { condition.unlock() }
    stopped = true
    condition.broadcast()
    while running { condition.wait() }
  }

  private func feed(_ cutter: PieceCutter, threads: Int) {
    let coding = cutter.coding
    let pipeline = OrderedPipeline<Block, Block>(name: "unpack", width: threads, depth: depth) { [pool] piece in
      if coding == .plain { return piece }
      let block = pool.take()
      try coding.unpack(piece, into: block)
      pool.give(piece)
      return block
    } consume: { [self] block in
      try enqueue(block)
    }
    do {
      while let piece = try Pace.process.work({ try cutter.next(pool) }) { try pipeline.submit(piece) }
      try pipeline.finish()
      change { ended = true }
    } catch {
      try? pipeline.finish(abandoning: true)
      change { failure = failure ?? error }
    }
    change { running = false }
  }

  private func enqueue(_ block: Block) throws {
    condition.lock()
    defer { condition.unlock() }
    while ready.count >= depth && !stopped { condition.wait() }
    if stopped { throw GoudError(.interrupted, "stopped") }
    if block.count > 0 { ready.append(block) }
    condition.broadcast()
  }

  private func change(_ body: () -> Void) {
    condition.lock()
    body()
    condition.broadcast()
    condition.unlock()
  }
}

/// Cuts a stream into gzip members with a `GD` field, or zstd frames of one block.
final class PieceCutter: @unchecked Sendable {
  let coding: Coding
  private let source: any ByteStream
  private var rest: UnsafeRawBufferPointer
  private var pending: [UInt8] = []

  /// - Parameter head: the first bytes of `source`. A plain tar is cut into blocks, so that reading and hashing it go on
  ///   while it is used.
  /// - Returns: nil when the first piece does not stand alone in the way this reads.
  init?(_ coding: Coding, _ source: any ByteStream, head: UnsafeRawBufferPointer) {
    guard coding == .plain || coding.pieceSize(Array(head.prefix(64)), first: true) != nil else { return nil }
    self.coding = coding
    self.source = source
    rest = head
  }

  /// The next piece whole; nil at the end.
  func next(_ pool: BlockPool) throws -> Block? {
    let block = pool.take()
    if coding == .plain {
      _ = try fill(block, to: Block.size)
      return block.count > 0 ? block : nil
    }
    let whole = try fill(block, to: GzipCompressor.headerSize)
    guard block.count > 0 else {
      pool.give(block)
      return nil
    }
    guard whole || coding == .zstd else { throw cut }
    let count = try size(of: block)
    guard count > 0, count <= Block.capacity else { throw damaged }
    if count > block.count {
      guard try fill(block, to: count) else { throw cut }
    } else {
      pushBack(UnsafeRawBufferPointer(rebasing: block.content[count...]))
      block.count = count
    }
    return block
  }

  /// A gzip member says its size; a zstd frame shows it once it is there whole.
  private func size(of block: Block) throws -> Int {
    switch coding.pieceSize(Array(block.content), first: false) {
    case .exactly(let count): return count
    case nil: throw damaged
    case .unknown:
      while true {
        if let count = coding.wholeFrame(block.content) { return count }
        guard block.count < Block.capacity else { throw damaged }
        let before = block.count
        _ = try fill(block, to: min(block.count + (256 << 10), Block.capacity))
        guard block.count > before else { throw cut }
      }
    }
  }

  /// - Returns: false when the source ended before `count` bytes were there.
  private func fill(_ block: Block, to count: Int) throws -> Bool {
    while block.count < count {
      if !pending.isEmpty {
        let take = min(pending.count, count - block.count)
        pending[..<take].withUnsafeBytes(block.append)
        pending.removeFirst(take)
        continue
      }
      if rest.isEmpty {
        guard let more = try source.next() else { return false }
        rest = more
      }
      let take = min(rest.count, count - block.count)
      block.append(UnsafeRawBufferPointer(rebasing: rest[..<take]))
      rest = UnsafeRawBufferPointer(rebasing: rest[take...])
    }
    return true
  }

  private func pushBack(_ bytes: UnsafeRawBufferPointer) {
    if !bytes.isEmpty { pending = Array(bytes) + pending }
  }

  private var cut: GoudError { GoudError(.archiveCorrupt, "the archive ends in the middle of a piece") }
  private var damaged: GoudError { GoudError(.archiveCorrupt, "a piece of the archive is damaged") }
}

enum PieceSize {
  case exactly(Int)
  case unknown
}

extension Coding {
  /// The size of the piece that begins with `head`; nil when it is none of ours.
  func pieceSize(_ head: [UInt8], first: Bool) -> PieceSize? {
    switch self {
    case .gzip:
      guard head.count >= 24, head[0] == 0x1f, head[1] == 0x8b, head[2] == 8, head[3] == 4, head[10] == 12,
        head[11] == 0,
        head[12] == UInt8(ascii: "G"), head[13] == UInt8(ascii: "D"), head[14] == 8, head[15] == 0
      else { return nil }
      let size = (0..<4).reduce(0) { $0 | Int(head[16 + $1]) << (8 * $1) }
      return size >= 32 && size <= Block.capacity ? .exactly(size) : nil
    case .zstd:
      let content = head.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
      // Ours carry their size; the first is a full block, or the archive is small enough for one thread.
      return content == Block.size || (!first && content <= Block.size) ? .unknown : nil
    case .plain: return nil
    }
  }

  /// The size of the zstd frame at the start of `bytes`, once it is there whole.
  func wholeFrame(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let size = ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count)
    return ZSTD_isError(size) != 0 ? nil : size
  }

  func unpack(_ piece: Block, into block: Block) throws {
    switch self {
    case .gzip: try unpackMember(piece, into: block)
    case .zstd:
      let size = ZSTD_decompress(block.bytes.baseAddress!, Block.size, piece.content.baseAddress!, piece.count)
      guard ZSTD_isError(size) == 0 else { throw GoudError(.archiveCorrupt, "the zstd data is damaged") }
      block.count = size
    case .plain: throw GoudError(.internalFault, "plain data has no pieces")
    }
  }

  private func unpackMember(_ piece: Block, into block: Block) throws {
    let decoder = GzipDecoder()
    let room = UnsafeMutableRawBufferPointer(rebasing: block.bytes[..<Block.size])
    var input = piece.content
    while !input.isEmpty {
      let target = UnsafeMutableRawBufferPointer(rebasing: room[block.count...])
      guard !target.isEmpty || input.count <= GzipCompressor.trailerSize else { throw Self.tooLong }
      let step = try decoder.decode(input, into: target.isEmpty ? Self.spare(block) : target)
      block.count += step.given
      input = UnsafeRawBufferPointer(rebasing: input[step.taken...])
      if step.ended { break }
      guard block.count <= Block.size else { throw Self.tooLong }
    }
    let declared = (0..<4).reduce(0) { $0 | Int(piece.content[20 + $1]) << (8 * $1) }
    guard input.isEmpty, block.count == declared else { throw GoudError(.archiveCorrupt, "the gzip data is damaged") }
  }

  /// The few bytes behind a full block, so that a decoder that only has its trailer left finds room.
  private static func spare(_ block: Block) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: block.bytes[Block.size...])
  }

  private static var tooLong: GoudError { GoudError(.archiveCorrupt, "a piece of the archive is longer than it says") }
}
