import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@Suite struct LedgerTests {
  @Test func whatIsAppendedIsThereAfterReopening() throws {
    try inTemporaryDirectory { scratch in
      let sample = try SampleChain()
      let blocks = try sample.blocks(20)
      for round in 0..<2 {
        let ledger = try Ledger(directory: "\(scratch)/db", genesis: round == 0 ? sample.genesis : nil)
        if round == 0 {
          #expect(ledger.head == sample.genesis.reference)
          try ledger.append(Array(blocks[..<12]))
          try ledger.append(Array(blocks[12...]), acknowledged: 15)
          try ledger.setPromise(EpochPromise(epoch: 7, nonce: .random(16)))
        }
        #expect(ledger.head == blocks[19].reference)
        #expect(ledger.acknowledged == 15)
        #expect(ledger.promise?.epoch == 7)
        #expect(ledger.chain == sample.rules.chain)
        #expect(try ledger.block(at: 0) == sample.genesis)
        #expect(try ledger.block(at: 7) == blocks[6])
        #expect(try ledger.block(at: 21) == nil)
        #expect(try ledger.reference(at: 20) == blocks[19].reference)
        #expect(try BlockReference(stored: blocks[7].encoded, chain: ledger.chain) == blocks[7].reference)
        #expect(try ledger.blocks(from: 5, limit: 3, maxBytes: 1 << 20) == blocks[4..<7].map(\.encoded))
        #expect(try ledger.blocks(from: 5, limit: 3, maxBytes: 1) == [blocks[4].encoded])
        #expect(try ledger.blocks(from: 19, limit: 9, maxBytes: 1 << 20) == blocks[18...].map(\.encoded))
        #expect(try ledger.blocks(from: 21, limit: 9, maxBytes: 1 << 20) == [])
      }
    }
  }

  @Test func entriesAreFoundOnceAcknowledged() throws {
    try inTemporaryDirectory { scratch in
      let sample = try SampleChain()
      let blocks = try sample.blocks(10)
      let ledger = try Ledger(directory: "\(scratch)/db", genesis: sample.genesis)
      try ledger.append(blocks)
      #expect(try ledger.account(sample.account.id) == nil)
      #expect(try ledger.entries(of: sample.account.id, limit: 5).isEmpty)
      try ledger.setAcknowledged(6)
      #expect(try ledger.account(sample.account.id)?.content == sample.account)
      #expect(try ledger.account(keyHash: sample.account.keyHash)?.position == EntryPosition(height: 1, index: 0))
      #expect(try ledger.entries(of: sample.account.id, limit: 9).map(\.position.height) == [2, 3, 4, 5, 6])
      #expect(try ledger.newestEntries(of: sample.account.id, limit: 2).map(\.position.height) == [6, 5])
      let middle = EntryPosition(height: 4, index: 0)
      #expect(try ledger.entries(of: sample.account.id, after: middle, limit: 9).map(\.position.height) == [5, 6])
      let older = try ledger.newestEntries(of: sample.account.id, before: middle, limit: 9)
      #expect(older.map(\.position.height) == [3, 2])
      #expect(try ledger.entry(older[0].content.id)?.content == older[0].content)
      #expect(try ledger.entry(.random(16)) == nil)
    }
  }

  @Test func truncationTakesBackBlocksAndWhatFindsTheirEntries() throws {
    try inTemporaryDirectory { scratch in
      let sample = try SampleChain()
      let blocks = try sample.blocks(10)
      let ledger = try Ledger(directory: "\(scratch)/db", genesis: sample.genesis)
      try ledger.append(blocks, acknowledged: 6)
      #expect(throws: GoudError.self) { try ledger.truncate(above: 5) }
      #expect(ledger.head == blocks[9].reference)
      try ledger.truncate(above: 6)
      #expect(ledger.head == blocks[5].reference)
      #expect(try ledger.block(at: 7) == nil)
      try ledger.append(Array(blocks[6...]))
      #expect(try ledger.hasAccount(sample.account.id))
      try ledger.truncate(above: 0, force: true)
      #expect(ledger.acknowledged == 0)
      #expect(try !ledger.hasAccount(sample.account.id))
      let orphan = try sample.block(after: ledger.head, entries: [.data(sample.data())])
      let fault = #expect(throws: ChainFault.self) { try ledger.append([orphan]) }
      #expect(fault?.kind == .entry)
      try ledger.append(blocks, acknowledged: 10)
      #expect(try ledger.entries(of: sample.account.id, limit: 99).count == 9)
    }
  }

  @Test func appendRefusesWhatDoesNotFollowOrRepeatsAnId() throws {
    try inTemporaryDirectory { scratch in
      let sample = try SampleChain()
      let blocks = try sample.blocks(3)
      let ledger = try Ledger(directory: "\(scratch)/db", genesis: sample.genesis)
      func refusal(_ blocks: [Block]) -> ChainFault.Kind? {
        do {
          try ledger.append(blocks)
          return nil
        } catch {
          return (error as? ChainFault)?.kind
        }
      }
      func block(_ entries: [Entry]) throws -> [Block] { [try sample.block(after: ledger.head, entries: entries)] }
      #expect(refusal([blocks[1]]) == .height)
      #expect(refusal([blocks[0], blocks[2]]) == .height)
      #expect(refusal(try block([.data(sample.data())])) == .entry, "its account is not there")
      #expect(ledger.head == sample.genesis.reference)
      #expect(refusal(blocks) == nil)
      #expect(refusal(blocks) == .height)
      let sibling = try sample.block(after: blocks[1].reference)
      #expect(refusal([try sample.block(after: sibling.reference)]) == .previous)
      #expect(refusal(try block([.account(sample.account)])) == .entry)
      let twice = sample.data()
      #expect(refusal(try block([.data(twice), .data(twice)])) == .entry)
      #expect(refusal(try block([.data(twice)])) == nil)
      #expect(refusal(try block([.data(twice)])) == .entry)
      #expect(ledger.head.height == 4)
    }
  }

  @Test func aSecondOpeningIsRefused() throws {
    try inTemporaryDirectory { scratch in
      let sample = try SampleChain()
      let ledger = try Ledger(directory: "\(scratch)/db", genesis: sample.genesis)
      #expect(throws: GoudError.self) { try Ledger(directory: "\(scratch)/db") }
      #expect(ledger.head.height == 0)
    }
  }
}
