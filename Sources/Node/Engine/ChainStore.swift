import Chain
import GoudCore
import Replication

/// A block that was checked, or made here, with its name in the decisions.
struct NamedBlock: Sendable {
  let id: BlockID
  let block: Block
  /// What its entries say.
  let contents: [Entry]

  init(_ block: Block, contents: [Entry]) {
    self.block = block
    self.contents = contents
    id = block.reference.id
  }
}

/// A block of the ledger, as it is sent.
struct StoredBlock: Sendable {
  let id: BlockID
  let encoded: [UInt8]
}

extension BlockReference {
  var id: BlockID { BlockID(height: height, epoch: epoch, hash: hash.bytes) }
}

/// The chain as the decisions and the streams read it: the newest blocks from memory, older ones from the ledger.
///
/// Belongs to one thread, the engine's. A read that fails is remembered in `fault`; what was decided meanwhile is not to
/// be carried out.
final class ChainStore: ChainReader {
  let ledger: Ledger
  /// What went wrong with the last reads. The engine stops then.
  private(set) var fault: (any Error)?
  /// Changes whenever blocks are taken back.
  private(set) var generation = 0
  private var recent = BlockWindow(bound: 8 << 20)
  /// What a lagging follower is being sent.
  private var window = BlockWindow(bound: .max)
  private var lastMiss: UInt64?

  init(_ ledger: Ledger) { self.ledger = ledger }

  var head: BlockID { recent.last?.id ?? ledger.head.id }
  var acknowledged: UInt64 { ledger.acknowledged }

  func block(at height: UInt64) -> BlockID? {
    let head = ledger.head
    if height >= head.height { return height == head.height ? head.id : nil }
    do {
      return try stored(at: height)?.id
    } catch {
      fault = fault ?? error
      return nil
    }
  }

  /// Blocks in memory or from the ledger, encoded, for sending: the first `count` from `height` on.
  func encoded(from height: UInt64, count: Int) throws -> [[UInt8]] {
    try (0..<UInt64(count)).map { offset in
      guard let block = try stored(at: height + offset) else {
        throw GoudError(.internalFault, "block \(height + offset) is to be sent and is not there")
      }
      return block.encoded
    }
  }

  /// Writes blocks that stand on the head; not synced.
  func append(_ blocks: [NamedBlock]) throws {
    try ledger.append(blocks.map(\.block), contents: blocks.map(\.contents), sync: false)
    for block in blocks { recent.append(StoredBlock(id: block.id, encoded: block.block.encoded)) }
  }

  /// Synced when it returns.
  func truncate(above height: UInt64) throws {
    generation += 1
    recent.truncate(above: height)
    window.truncate(above: height)
    try ledger.truncate(above: height)
  }

  private func stored(at height: UInt64) throws -> StoredBlock? {
    if let block = recent[height] ?? window[height] { return block }
    defer { lastMiss = height }
    // Whoever asks for one block after the other gets the next ones at once.
    let before = height == 0 ? nil : Optional(height - 1)
    let inOrder = before != nil && (lastMiss == before || window.last?.id.height == before)
    let count = inOrder ? PeerLimits.batchBlocks : 1
    let found = try ledger.blocks(from: height, limit: count, maxBytes: PeerLimits.batchBytes).map {
      StoredBlock(id: try BlockReference(stored: $0, chain: ledger.chain).id, encoded: $0)
    }
    if count > 1 { window = BlockWindow(found) }
    return found.first
  }
}

/// Consecutive blocks in memory, the oldest dropped when they weigh more than a bound.
struct BlockWindow {
  private var blocks: [StoredBlock] = []
  private var start = 0
  private var bytes = 0
  private let bound: Int

  /// - Parameter bound: bytes; the newest block stays whatever it weighs.
  init(bound: Int) { self.bound = bound }

  init(_ blocks: [StoredBlock]) {
    self.init(bound: .max)
    self.blocks = blocks
  }

  var last: StoredBlock? { start < blocks.count ? blocks.last : nil }

  subscript(height: UInt64) -> StoredBlock? {
    guard start < blocks.count, case let first = blocks[start].id.height, height >= first,
      height - first < blocks.count - start
    else { return nil }
    return blocks[start + Int(height - first)]
  }

  mutating func append(_ block: StoredBlock) {
    if let last, block.id.height != last.id.height + 1 { self = BlockWindow(bound: bound) }
    blocks.append(block)
    bytes += block.encoded.count
    while bytes > bound && start < blocks.count - 1 {
      bytes -= blocks[start].encoded.count
      start += 1
    }
    if start > 1024 && start > blocks.count / 2 {
      blocks.removeFirst(start)
      start = 0
    }
  }

  mutating func truncate(above height: UInt64) {
    while let last, last.id.height > height {
      bytes -= last.encoded.count
      blocks.removeLast()
    }
  }
}
