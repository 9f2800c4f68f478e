import Chain
import Replication

/// Holds blocks that came from another node against the rules (docs/chain.md), several at once, off the engine's thread.
///
/// A block is never refused for its time alone: what the authority signed and a majority stores cannot be kept out for
/// ever by one node's clock. Clocks that differ are reported instead (`PeerBook`).
struct BlockChecker: Sendable {
  private let rules: BlockRules
  private let pool: ReaderPool

  init(_ rules: BlockRules, _ pool: ReaderPool) {
    self.rules = rules
    self.pool = pool
  }

  /// Decodes and checks blocks of which the first is said to stand on `previous`.
  /// - Parameter before: the block that `previous` names, where it is known: then nothing is left unchecked. Otherwise the
  ///   first block's time and epoch are, and it is for the decisions to refuse what stands on nothing here.
  /// - Throws: `peer.bad-block`.
  func check(_ encoded: [[UInt8]], after previous: BlockID, before: BlockReference?) async throws -> [NamedBlock] {
    let slices = stride(from: 0, to: encoded.count, by: Self.slice).map {
      Array(encoded[$0..<min($0 + Self.slice, encoded.count)])
    }
    let blocks = try await withThrowingTaskGroup(of: (Int, [NamedBlock]).self) { group in
      for (number, slice) in slices.enumerated() {
        group.addTask { (number, try await pool.run { try slice.map(checkAlone) }) }
      }
      var parts = [[NamedBlock]](repeating: [], count: slices.count)
      for try await (number, part) in group { parts[number] = part }
      return Array(parts.joined())
    }
    try checkPlaces(blocks, after: previous, before: before)
    return blocks
  }

  /// Blocks that one thread checks in one go: few, so that no thread has much left to do when the others are done.
  static let slice = 64

  private func checkAlone(_ encoded: [UInt8]) throws -> NamedBlock {
    do {
      let block = try Block(decoding: encoded, chain: rules.chain)
      return NamedBlock(block, contents: try rules.checkAlone(block))
    } catch {
      throw PeerFault(.badBlock, error.description)
    }
  }

  private func checkPlaces(_ blocks: [NamedBlock], after previous: BlockID, before: BlockReference?) throws {
    guard let first = blocks.first else { return }
    guard first.block.previous.bytes == previous.hash, first.id.height == previous.height &+ 1 else {
      throw PeerFault(.badBlock, "block \(first.id.height) does not stand on the block it is said to stand on")
    }
    if let before { try checkPlace(first.block, after: before) }
    for (block, next) in zip(blocks, blocks.dropFirst()) {
      try checkPlace(next.block, after: block.block.reference)
    }
  }

  /// - Throws: `peer.bad-block`.
  func checkPlace(_ block: Block, after previous: BlockReference) throws {
    do {
      try rules.checkPlace(block, after: previous)
    } catch {
      throw PeerFault(.badBlock, error.description)
    }
  }
}
