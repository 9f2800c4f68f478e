import Foundation
import GoudCore
import SwiftProtobuf
import Testing

@testable import Chain

@Suite struct BlockRulesTests {
  private let sample: SampleChain
  private let blocks: [Block]

  init() throws {
    sample = try SampleChain()
    blocks = try sample.blocks(5)
  }

  private func refusal(_ encoded: [UInt8], after previous: Block) -> ChainFault.Kind? {
    do {
      try sample.rules.check(try Block(decoding: encoded, chain: sample.rules.chain), after: previous.reference)
      return nil
    } catch {
      return error.kind
    }
  }

  @Test func whatTheAuthorityMakesIsGood() throws {
    #expect(refusal(blocks[3].encoded, after: blocks[2]) == nil)
    let large = try sample.block(after: blocks[4].reference, entries: (0..<300).map { _ in .data(sample.data()) })
    #expect(refusal(large.encoded, after: blocks[4]) == nil)
    #expect(refusal(try sample.block(after: blocks[4].reference).encoded, after: blocks[4]) == nil, "an empty block")
  }

  /// Whatever field is altered and however: the block is refused.
  @Test func everyFieldAlteredIsFound() throws {
    let good = try Goud_Chain_V1_Block(serializedBytes: blocks[3].encoded)
    let other = try Goud_Chain_V1_Block(serializedBytes: blocks[4].encoded)
    let alterations: [(String, Set<ChainFault.Kind>, (inout Goud_Chain_V1_Block) -> Void)] = [
      ("height", [.height], { $0.height += 1 }),
      ("no height", [.height], { $0.height = 0 }),
      ("epoch", [.signature], { $0.epoch += 1 }),
      ("lower epoch", [.epoch], { $0.epoch = 0 }),
      ("time", [.signature], { $0.time += 1 }),
      ("earlier", [.time], { $0.time = 1 }),
      ("previous", [.previous], { $0.previous[7] ^= 1 }),
      ("short previous", [.malformed], { $0.previous.removeLast() }),
      ("root", [.merkleRoot], { $0.merkleRoot[0] ^= 1 }),
      ("no root", [.malformed], { $0.merkleRoot = Data() }),
      ("producer", [.producer], { $0.producer[31] ^= 1 }),
      ("long producer", [.malformed], { $0.producer.append(0) }),
      ("signature", [.signature], { $0.signature[0] ^= 1 }),
      ("another's signature", [.signature], { $0.signature = other.signature }),
      ("no signature", [.malformed], { $0.signature = Data() }),
      ("entry", [.merkleRoot], { $0.entries[0][9] ^= 1 }),
      ("another entry", [.merkleRoot], { $0.entries = other.entries }),
      ("more entries", [.merkleRoot], { $0.entries += other.entries }),
      ("fewer entries", [.merkleRoot], { $0.entries = [] }),
    ]
    for (name, kinds, alter) in alterations {
      var message = good
      alter(&message)
      let kind = refusal(try message.serializedBytes(), after: blocks[2])
      #expect(kind.map(kinds.contains) == true, "\(name): \(kind.map(\.rawValue) ?? "accepted")")
    }
  }

  @Test func everyBitFlippedIsFound() throws {
    for index in blocks[3].encoded.indices {
      for bit in 0..<8 {
        var encoded = blocks[3].encoded
        encoded[index] ^= 1 << bit
        #expect(refusal(encoded, after: blocks[2]) != nil, "byte \(index), bit \(bit)")
      }
    }
    for count in blocks[3].encoded.indices {
      #expect(refusal(Array(blocks[3].encoded[..<count]), after: blocks[2]) != nil, "cut to \(count)")
    }
  }

  @Test func otherEncodingsOfTheSameBlockAreRefused() throws {
    let encoded = blocks[3].encoded
    #expect(encoded[0] == 0x08 && encoded[1] == 4, "height first")
    #expect(refusal([0x08, 0x84, 0x00] + encoded[2...], after: blocks[2]) == .malformed, "a number longer than needed")
    #expect(refusal(Array(encoded[2...] + encoded[..<2]), after: blocks[2]) == .malformed, "another order")
    #expect(refusal(Array(encoded[..<2] + encoded), after: blocks[2]) == .malformed, "a field twice")
    #expect(refusal(encoded + [0x48, 1], after: blocks[2]) == .malformed, "an unknown field")
    #expect(refusal(encoded + [0x10, 0], after: blocks[2]) == .malformed, "a zero")
  }

  @Test func whatTheAuthorityMayNotSignIsFound() throws {
    let previous = blocks[4].reference
    func refusal(_ change: (inout BlockHeader) -> Void, entries: [[UInt8]] = [], key: ValidatorKey? = nil) throws
      -> ChainFault.Kind?
    {
      let key = key ?? sample.key
      var header = BlockHeader(
        chain: sample.rules.chain, height: 6, epoch: 1, time: previous.time, previous: previous.hash,
        merkleRoot: Merkle.root(of: entries), entryCount: UInt32(entries.count), producer: key.publicKey)
      change(&header)
      let block = try Block(signing: header, entries: entries, key: key, chain: sample.rules.chain)
      return self.refusal(block.encoded, after: blocks[4])
    }
    #expect(try refusal({ _ in }) == nil)
    #expect(try refusal({ $0.epoch = 0 }) == .epoch)
    #expect(try refusal({ $0.time -= 1 }) == .time)
    #expect(try refusal({ $0.height = 7 }) == .height)
    #expect(try refusal({ $0.chain = .zero }) == .signature, "signed for another chain")
    #expect(try refusal({ $0.merkleRoot = .zero }) == .merkleRoot)
    #expect(try refusal({ $0.entryCount = 1 }) == .signature)
    #expect(try refusal({ _ in }, key: .generate()) == .producer)
    #expect(try refusal({ _ in }, entries: [[1, 2, 3]]) == .entry)
    #expect(try refusal({ _ in }, entries: [[]]) == .entry)
    #expect(try refusal({ _ in }, entries: [sample.genesis.entries[0]]) == .entry)
    let longer = [0x12, 0x80 | 0x3e, 0x00] + Entry.account(sample.account).encoded.dropFirst(2)
    #expect(try refusal({ _ in }, entries: [longer]) == .entry, "not canonical")
  }

  @Test func whatIsTooLargeIsRefused() throws {
    let large = SealedData(
      id: .random(16), account: .random(16), label: [1], payload: [UInt8](repeating: 7, count: 1 << 20), created: 1)!
    let block = try sample.block(after: blocks[4].reference, entries: [.data(large)])
    #expect(refusal(block.encoded, after: blocks[4]) == .tooLarge)
    #expect(refusal([UInt8](repeating: 0, count: BlockLimits.blockBytes + 1), after: blocks[4]) == .tooLarge)
  }

  @Test func aBatchIsRefusedForItsLowestFault() throws {
    let many = try sample.blocks(200)
    let encoded = many.map(\.encoded)
    let before = sample.genesis.reference
    #expect(try sample.rules.decode(encoded, after: before, width: 3) == many)
    #expect(try sample.rules.decode([], after: before) == [])
    try sample.rules.check(many, after: before)
    for (altered, removed) in [(3, 150), (150, 3), (0, 199), (199, 120)] {
      var broken = encoded
      broken[altered][broken[altered].count - 1] ^= 1
      broken.remove(at: removed)
      do {
        _ = try sample.rules.decode(broken, after: before, width: 3)
        Issue.record("was taken")
      } catch {
        #expect(error.height == UInt64(altered < removed ? altered + 1 : removed + 2), "\(error)")
      }
    }
    #expect(throws: ChainFault.self) { try sample.rules.decode(Array(encoded[1...]), after: before) }
    #expect(throws: ChainFault.self) { try sample.rules.check([many[0], many[0]], after: before) }
  }
}
