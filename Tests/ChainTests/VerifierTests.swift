import Foundation
import GoudCore
import RocksDB
import SwiftProtobuf
import TestSupport
import Testing

@testable import Chain

@Suite struct VerifierTests {
  private let sample: SampleChain
  private let blocks: [Block]
  private let second = Account(id: .random(16), keyHash: .random(32), created: 3)!

  /// 40 blocks: 1 founds the account, the others hold an entry of it, 20 a second account, 30 is of a new epoch.
  init() throws {
    sample = try SampleChain()
    var blocks = try sample.blocks(19)
    blocks.append(try sample.block(after: blocks[18].reference, entries: [.account(second), .data(sample.data())]))
    blocks += try sample.blocks(9, after: blocks[19].reference)
    for _ in 30...40 {
      blocks.append(try sample.block(after: blocks.last!.reference, epoch: 4, entries: [.data(sample.data())]))
    }
    self.blocks = blocks
  }

  private func withLedger(_ body: (String) throws -> Void) throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do { try Ledger(directory: directory, genesis: sample.genesis).append(blocks, acknowledged: 35) }
      try body(directory)
    }
  }

  /// The data entry of block `height`.
  private func data(_ height: Int) throws -> SealedData {
    guard case .data(let data) = try Entry(decoding: blocks[height - 1].entries.last!) else {
      throw TestFailure("block \(height) has no data")
    }
    return data
  }

  @Test func aWholeLedgerIsProvenAndLeftAlone() throws {
    try withLedger { directory in
      let before = try content(of: directory)
      let verified = try LedgerVerifier(directory: directory).verify()
      #expect(try content(of: directory) == before)
      #expect(verified.blocks == 41 && verified.entries == 42 && verified.epochs == 3)
      #expect(verified.head == blocks[39].reference && verified.chain == sample.rules.chain)
      #expect(verified.network == "test" && verified.validators == ["node1", "node2", "node3"])
      #expect(verified.acknowledged == 35 && verified.schemaVersion == 1)
      #expect(verified.bytes.bytes == Int64((blocks + [sample.genesis]).map(\.encoded.count).reduce(0, +)))
    }
  }

  @Test func aLedgerOfManyRangesIsProven() throws {
    try inTemporaryDirectory { scratch in
      let count = Int(LedgerVerifier.stride) * 3 - 1
      let many = try sample.blocks(count)
      do { try Ledger(directory: "\(scratch)/db", genesis: sample.genesis).append(many) }
      let verified = try LedgerVerifier(directory: "\(scratch)/db").verify()
      #expect(verified.head == many.last!.reference && verified.blocks == UInt64(count) + 1)
      #expect(verified.epochs == 2)
      // The lowest of three faults, each in another range.
      try tamper("\(scratch)/db") { database, batch in
        for height in [3000, 1024, 2047] as [UInt64] {
          database.put(many[0].encoded, for: blockKey(height), family: "blocks", into: batch)
        }
      }
      let error = refusal { _ = try LedgerVerifier(directory: "\(scratch)/db").verify() }
      #expect(error?.context["height"] == "1024")
    }
  }

  @Test func whatLiesAboveTheHeightAskedForIsPassedOver() throws {
    try withLedger { directory in
      for height in [0, 1, 19, 20, 29, 30, 39, 40] {
        let verified = try LedgerVerifier(directory: directory, height: UInt64(height)).verify()
        #expect(verified.head == (height == 0 ? sample.genesis : blocks[height - 1]).reference)
        #expect(verified.blocks == UInt64(height) + 1)
      }
      #expect(refusal { _ = try LedgerVerifier(directory: directory, height: 41).verify() }?.code == .chainInvalid)
      try tamper(directory) { database, batch in
        database.put([1], for: blockKey(33), family: "blocks", into: batch)
        database.delete(try data(34).id, family: "entry_ids", into: batch)
      }
      #expect(try LedgerVerifier(directory: directory, height: 32).verify().head == blocks[31].reference)
      #expect(refusal { _ = try LedgerVerifier(directory: directory, height: 33).verify() }?.code == .chainInvalid)
    }
  }

  @Test func anotherChainIsNamed() throws {
    try withLedger { directory in
      let other = try SampleChain().rules.chain
      #expect(refusal { _ = try LedgerVerifier(directory: directory, chain: other).verify() }?.code == .chainForeign)
      _ = try LedgerVerifier(directory: directory, chain: sample.rules.chain).verify()
    }
  }

  @Test func aCancelledRunStops() throws {
    try withLedger { directory in
      var verifier = LedgerVerifier(directory: directory)
      verifier.cancellation.cancel()
      #expect(refusal { _ = try verifier.verify() }?.code == .terminated)
      verifier.cancellation = Cancellation()
      _ = try verifier.verify()
    }
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kind: ChainFault.Kind
    let height: Int?
    let apply: @Sendable (VerifierTests, Database, WriteBatch) throws -> Void

    init(
      _ name: String, _ kind: ChainFault.Kind, _ height: Int?,
      _ apply: @escaping @Sendable (VerifierTests, Database, WriteBatch) throws -> Void
    ) {
      testDescription = name
      self.kind = kind
      self.height = height
      self.apply = apply
    }
  }

  @Test(arguments: damages) func damageIsFoundAndNamed(damage: Damage) throws {
    try withLedger { directory in
      try tamper(directory) { try damage.apply(self, $0, $1) }
      let error = refusal { _ = try LedgerVerifier(directory: directory).verify() }
      #expect(error?.code == .chainInvalid, "\(error?.description ?? "was passed over")")
      #expect(error?.context["fault"] == damage.kind.rawValue, "\(error?.description ?? "")")
      #expect(error?.context["height"] == damage.height.map(String.init), "\(error?.description ?? "")")
    }
  }

  /// Puts an altered block in the place of the one at `height`.
  private func alter(
    _ height: Int, _ database: Database, _ batch: WriteBatch, _ change: (inout Goud_Chain_V1_Block) throws -> Void
  ) throws {
    var message = try Goud_Chain_V1_Block(serializedBytes: blocks[height - 1].encoded)
    try change(&message)
    database.put(try message.serializedBytes(), for: blockKey(UInt64(height)), family: "blocks", into: batch)
  }

  /// Signs an altered block of 40, the head, and makes it the head: everything fits but what was altered.
  private func forgeHead(
    _ database: Database, _ batch: WriteBatch, entries: [[UInt8]]? = nil, key signer: ValidatorKey? = nil,
    _ change: (inout BlockHeader) -> Void = { _ in }
  ) throws {
    let old = blocks[39]
    let signer = signer ?? sample.key
    let entries = entries ?? old.entries
    var header = BlockHeader(
      chain: old.chain, height: 40, epoch: old.epoch, time: old.time, previous: old.previous,
      merkleRoot: Merkle.root(of: entries), entryCount: UInt32(entries.count), producer: signer.publicKey)
    change(&header)
    let block = try Block(signing: header, entries: entries, key: signer, chain: old.chain)
    database.put(block.encoded, for: blockKey(40), family: "blocks", into: batch)
    database.put(
      blockKey(40) + blockKey(block.epoch) + block.hash.bytes, for: Array("head".utf8), into: batch)
  }

  static let damages: [Damage] = [
    Damage("a block missing", .missing, 17) { _, db, batch in db.delete(blockKey(17), family: "blocks", into: batch) },
    Damage("the head missing", .missing, 40) { _, db, batch in db.delete(blockKey(40), family: "blocks", into: batch) },
    Damage("genesis missing", .missing, 0) { _, db, batch in db.delete(blockKey(0), family: "blocks", into: batch) },
    Damage("another genesis", .genesis, 0) { _, db, batch in
      db.put(try SampleChain().genesis.encoded, for: blockKey(0), family: "blocks", into: batch)
    },
    Damage("two blocks swapped", .height, 8) { test, db, batch in
      db.put(test.blocks[8].encoded, for: blockKey(8), family: "blocks", into: batch)
      db.put(test.blocks[7].encoded, for: blockKey(9), family: "blocks", into: batch)
    },
    Damage("a block under another's height", .signature, 8) { test, db, batch in
      var message = try Goud_Chain_V1_Block(serializedBytes: test.blocks[8].encoded)
      message.height = 8
      message.previous = Data(test.blocks[6].hash.bytes)
      db.put(try message.serializedBytes(), for: blockKey(8), family: "blocks", into: batch)
    },
    Damage("a block of noise", .malformed, 5) { _, db, batch in
      db.put([9, 9, 9], for: blockKey(5), family: "blocks", into: batch)
    },
    Damage("an empty block value", .malformed, 5) { _, db, batch in
      db.put([], for: blockKey(5), family: "blocks", into: batch)
    },
    Damage("a key between two blocks", .missing, 6) { _, db, batch in
      db.put([1], for: blockKey(5) + [0], family: "blocks", into: batch)
    },
    Damage("a key before block 0", .missing, 0) { _, db, batch in db.put([1], for: [], family: "blocks", into: batch) },
    Damage("an entry changed", .merkleRoot, 12) { test, db, batch in
      try test.alter(12, db, batch) { $0.entries[0][25] ^= 1 }
    },
    Damage("an entry and the root changed", .signature, 12) { test, db, batch in
      try test.alter(12, db, batch) {
        $0.entries[0][25] ^= 1
        $0.merkleRoot = Data(Merkle.root(of: $0.entries.map { Array($0) }).bytes)
      }
    },
    Damage("an entry removed", .merkleRoot, 12) { test, db, batch in
      try test.alter(12, db, batch) { $0.entries = [] }
    },
    Damage("an earlier time", .time, 12) { test, db, batch in try test.alter(12, db, batch) { $0.time = 1 } },
    Damage("a later time", .signature, 12) { test, db, batch in try test.alter(12, db, batch) { $0.time += 1 } },
    Damage("a lower epoch", .epoch, 31) { test, db, batch in try test.alter(31, db, batch) { $0.epoch = 3 } },
    Damage("a higher epoch", .signature, 12) { test, db, batch in try test.alter(12, db, batch) { $0.epoch = 2 } },
    Damage("another block before", .previous, 12) { test, db, batch in
      try test.alter(12, db, batch) { $0.previous[0] ^= 1 }
    },
    Damage("a bad signature", .signature, 12) { test, db, batch in
      try test.alter(12, db, batch) { $0.signature[0] ^= 1 }
    },
    Damage("another producer named", .producer, 12) { test, db, batch in
      try test.alter(12, db, batch) { $0.producer[0] ^= 1 }
    },
    Damage("an unknown field", .malformed, 12) { test, db, batch in
      db.put(test.blocks[11].encoded + [0x48, 1], for: blockKey(12), family: "blocks", into: batch)
    },
    Damage("a zero written out", .malformed, 12) { test, db, batch in
      db.put(test.blocks[11].encoded + [0x48, 0], for: blockKey(12), family: "blocks", into: batch)
    },
    Damage("a stranger's block", .producer, 40) { test, db, batch in
      try test.forgeHead(db, batch, key: .generate())
    },
    Damage("the authority's block for another chain", .signature, 40) { test, db, batch in
      try test.forgeHead(db, batch) { $0.chain = .zero }
    },
    Damage("the authority's block with a falling epoch", .epoch, 40) { test, db, batch in
      try test.forgeHead(db, batch) { $0.epoch = 1 }
    },
    Damage("the authority's block of an epoch that leaves no room", .epoch, 40) { test, db, batch in
      try test.forgeHead(db, batch) { $0.epoch = 1 << 63 }
    },
    Damage("the authority's block after the year 9999", .time, 40) { test, db, batch in
      try test.forgeHead(db, batch) { $0.time = 253_402_300_800_000 }
    },
    Damage("the authority's block with a falling time", .time, 40) { test, db, batch in
      try test.forgeHead(db, batch) { $0.time -= 1 << 30 }
    },
    Damage("the authority's block with a wrong root", .merkleRoot, 40) { test, db, batch in
      try test.forgeHead(db, batch) { $0.merkleRoot = .zero }
    },
    Damage("the authority's block with an entry of noise", .entry, 40) { test, db, batch in
      try test.forgeHead(db, batch, entries: [[1, 2, 3]])
    },
    Damage("the authority's block with a second genesis", .entry, 40) { test, db, batch in
      try test.forgeHead(db, batch, entries: test.sample.genesis.entries)
    },
    Damage("an entry of no account", .entry, 40) { test, db, batch in
      let stray = SealedData(id: .random(16), account: .random(16), label: [1], payload: [2], created: 1)!
      try test.forgeHead(db, batch, entries: [Entry.data(stray).encoded])
      try test.replaceHeadRows(db, batch, with: stray)
    },
    Damage("an entry id used twice", .index, 39) { test, db, batch in
      let twice = try test.data(39)
      try test.forgeHead(db, batch, entries: [Entry.data(twice).encoded])
      try test.replaceHeadRows(db, batch, with: twice)
    },
    Damage("another head named", .head, 39) { test, db, batch in
      db.put(headValue(test.blocks[38].reference).replacing(at: 20), for: Array("head".utf8), into: batch)
    },
    Damage("a block above the head", .head, 39) { test, db, batch in
      db.put(headValue(test.blocks[38].reference), for: Array("head".utf8), into: batch)
    },
    Damage("a head of another epoch", .head, 40) { test, db, batch in
      db.put(blockKey(40) + blockKey(9) + test.blocks[39].hash.bytes, for: Array("head".utf8), into: batch)
    },
    Damage("a head above", .missing, 41) { test, db, batch in
      db.put(blockKey(41) + blockKey(4) + test.blocks[39].hash.bytes, for: Array("head".utf8), into: batch)
    },
    Damage("acknowledged above the head", .head, 40) { _, db, batch in
      db.put(blockKey(41), for: Array("acknowledged".utf8), into: batch)
    },
    Damage("another chain id", .genesis, 0) { test, db, batch in
      db.put(test.blocks[3].hash.bytes, for: Array("chain".utf8), into: batch)
    },
    Damage("no head", .head, nil) { _, db, batch in db.delete(Array("head".utf8), into: batch) },
    Damage("an account missing from its index", .index, 20) { test, db, batch in
      db.delete(test.second.id, family: "accounts", into: batch)
    },
    Damage("the first account missing from its index", .index, 1) { test, db, batch in
      db.delete(test.sample.account.id, family: "accounts", into: batch)
    },
    Damage("an account at another place", .index, 20) { test, db, batch in
      db.put(place(20, 1), for: test.second.id, family: "accounts", into: batch)
    },
    Damage("a key missing from its index", .index, 20) { test, db, batch in
      db.delete(test.second.keyHash, family: "account_keys", into: batch)
    },
    Damage("a key of another account", .index, 20) { test, db, batch in
      db.put(test.sample.account.id, for: test.second.keyHash, family: "account_keys", into: batch)
    },
    Damage("a key that nobody has", .index, 1) { test, db, batch in
      db.put(test.sample.account.id, for: .random(32), family: "account_keys", into: batch)
    },
    Damage("an account that nobody founded", .index, 7) { _, db, batch in
      db.put(place(7, 0), for: .random(16), family: "accounts", into: batch)
    },
    Damage("an entry missing from its account", .index, 25) { test, db, batch in
      db.delete(test.sample.account.id + place(25, 0), family: "entries", into: batch)
    },
    Damage("an entry under another id", .index, 25) { test, db, batch in
      db.put(.random(16), for: test.sample.account.id + place(25, 0), family: "entries", into: batch)
    },
    Damage("an entry too many", .index, 25) { test, db, batch in
      db.put(.random(16), for: test.sample.account.id + place(25, 1), family: "entries", into: batch)
    },
    Damage("an entry above the head", .index, 99) { test, db, batch in
      db.put(.random(16), for: test.sample.account.id + place(99, 1), family: "entries", into: batch)
    },
    Damage("an entry id missing", .index, 25) { test, db, batch in
      db.delete(try test.data(25).id, family: "entry_ids", into: batch)
    },
    Damage("an entry id too many", .index, 25) { test, db, batch in
      db.put(test.sample.account.id + place(25, 0), for: .random(16), family: "entry_ids", into: batch)
    },
    Damage("a row that is no row", .index, nil) { _, db, batch in
      db.put([1], for: [2], family: "entry_ids", into: batch)
    },
    Damage("two entry ids exchanged", .index, 25) { test, db, batch in
      db.put(test.sample.account.id + place(26, 0), for: try test.data(25).id, family: "entry_ids", into: batch)
      db.put(test.sample.account.id + place(25, 0), for: try test.data(26).id, family: "entry_ids", into: batch)
    },
  ]

  private func replaceHeadRows(_ database: Database, _ batch: WriteBatch, with data: SealedData) throws {
    let old = try self.data(40)
    database.delete(old.id, family: "entry_ids", into: batch)
    database.delete(old.account + place(40, 0), family: "entries", into: batch)
    database.put(data.id, for: data.account + place(40, 0), family: "entries", into: batch)
    database.put(data.account + place(40, 0), for: data.id, family: "entry_ids", into: batch)
  }
}

extension [UInt8] {
  fileprivate func replacing(at index: Int) -> [UInt8] {
    var copy = self
    copy[index] ^= 1
    return copy
  }
}
