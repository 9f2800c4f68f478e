import Dispatch
public import Foundation
import Synchronization

extension BlockRules {
  /// Decodes and checks blocks that follow `previous`: form, hashes, roots and signatures on all cores, then the order.
  ///
  /// - Parameters:
  ///   - encoded: in order of height.
  ///   - width: threads; default as many as there are cores. The caller's thread is one of them and waits for the rest.
  /// - Throws: the fault of the lowest block that has one. Nothing is to be taken from a batch that holds one.
  public func decode(
    _ encoded: [[UInt8]], after previous: BlockReference, width: Int = ProcessInfo.processInfo.activeProcessorCount
  ) throws(ChainFault) -> [Block] {
    try inOrder(
      after: previous,
      parallel(encoded.count, width: width) { index throws(ChainFault) in
        let block = try Block(decoding: encoded[index], chain: chain)
        try checkAlone(block)
        return block
      })
  }

  /// The same for blocks that are decoded already.
  public func check(
    _ blocks: [Block], after previous: BlockReference, width: Int = ProcessInfo.processInfo.activeProcessorCount
  ) throws(ChainFault) {
    _ = try inOrder(
      after: previous,
      parallel(blocks.count, width: width) { index throws(ChainFault) in
        try checkAlone(blocks[index])
        return blocks[index]
      })
  }

  private func inOrder(
    after previous: BlockReference, _ results: [Result<Block, ChainFault>]
  ) throws(ChainFault) -> [Block] {
    var previous = previous
    var blocks: [Block] = []
    blocks.reserveCapacity(results.count)
    for result in results {
      let block = try result.get()
      try checkPlace(block, after: previous)
      previous = block.reference
      blocks.append(block)
    }
    return blocks
  }

  /// Results in order. A thread that meets a fault goes no further: what lies behind it does not matter.
  private func parallel(
    _ count: Int, width: Int, _ body: @Sendable (Int) throws(ChainFault) -> Block
  ) -> [Result<Block, ChainFault>] {
    let parts = max(1, min(width, count / 8))
    let share = (count + parts - 1) / parts
    let results = Mutex([[Result<Block, ChainFault>]](repeating: [], count: parts))
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      var own: [Result<Block, ChainFault>] = []
      own.reserveCapacity(share)
      for index in part * share..<max(part * share, min(count, (part + 1) * share)) {
        do throws(ChainFault) {
          own.append(.success(try body(index)))
        } catch {
          own.append(.failure(error))
          break
        }
      }
      results.withLock { $0[part] = own }
    }
    return results.withLock { $0.flatMap { $0 } }
  }
}
