import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

/// What accounts store: with every block, after every opening, and on ledgers that were written without it.
@Suite struct StoredTests {
  private let sample: SampleChain
  private let blocks: [Block]

  /// 2,500 blocks: more than are counted at once.
  init() throws {
    sample = try SampleChain()
    blocks = try sample.blocks(2500)
  }

  private func sum(_ count: Int) -> UInt64 {
    blocks.prefix(count).dropFirst().reduce(0) { $0 + UInt64($1.entries[0].count) }
  }

  private func stored(_ ledger: Ledger) throws -> UInt64? { try ledger.stored(by: sample.account.id) }

  /// Counts to the end.
  private func count(_ ledger: Ledger) throws {
    var rounds = 0
    while try ledger.countStored() { rounds += 1 }
    #expect(rounds < 100)
  }

  /// Everything under `counted` and `stored:`.
  private func rows(_ directory: String) throws -> [[UInt8]: [UInt8]] {
    let database = try Database(directory: directory, families: ledgerFamilies)
    var rows: [[UInt8]: [UInt8]] = [:]
    try database.scan { key, value in
      let name = String(decoding: key, as: UTF8.self)
      if name == "counted" || name.hasPrefix("stored:") { rows[Array(key)] = Array(value) }
      return true
    }
    return rows
  }

  private func put(_ rows: [[UInt8]: [UInt8]], in directory: String) throws {
    let present = try self.rows(directory)
    try tamper(directory) { database, batch in
      for key in present.keys { database.delete(key, into: batch) }
      for (key, value) in rows { database.put(value, for: key, into: batch) }
    }
  }

  private func verify(_ directory: String) throws { _ = try LedgerVerifier(directory: directory).verify() }

  @Test func sumsComeWithTheBlocksAndGoWithThem() throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do {
        let ledger = try Ledger(directory: directory, genesis: sample.genesis)
        #expect(try stored(ledger) == 0)
        try ledger.append(Array(blocks.prefix(2400)))
        #expect(try stored(ledger) == sum(2400))
        #expect(try ledger.countStored() == false)
      }
      try verify(directory)
      do {
        let ledger = try Ledger(directory: directory)
        #expect(try stored(ledger) == sum(2400))
        try ledger.truncate(above: 7)
        #expect(try stored(ledger) == sum(7))
        try ledger.append(Array(blocks[7..<9]))
        #expect(try stored(ledger) == sum(9))
        try ledger.truncate(above: 0)
        #expect(try stored(ledger) == 0)
      }
      try verify(directory)
    }
  }

  @Test func aLedgerWithoutSumsIsCountedWhileItIsUsed() throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do { try Ledger(directory: directory, genesis: sample.genesis).append(Array(blocks.prefix(2400))) }
      try put([:], in: directory)
      try verify(directory)
      do {
        let ledger = try Ledger(directory: directory)
        #expect(try stored(ledger) == nil)
        #expect(try ledger.countStored())
        #expect(try ledger.countStored())
        // Neither what comes meanwhile nor what goes is counted twice or forgotten.
        try ledger.append(Array(blocks[2400..<2500]))
        #expect(try stored(ledger) == nil)
        try ledger.truncate(above: 2450)
      }
      try verify(directory)
      do {
        let ledger = try Ledger(directory: directory)
        try count(ledger)
        #expect(try stored(ledger) == sum(2450))
        try ledger.append(Array(blocks[2450..<2500]))
        #expect(try stored(ledger) == sum(2500))
      }
      try verify(directory)
    }
  }

  /// It knows nothing of sums, and leaves them as they are.
  @Test func whatAnOlderReleaseHasWrittenIsCountedOn() throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do { try Ledger(directory: directory, genesis: sample.genesis).append(Array(blocks.prefix(100))) }
      let before = try rows(directory)
      do { try Ledger(directory: directory).append(Array(blocks[100..<200])) }
      try put(before, in: directory)
      try verify(directory)
      let ledger = try Ledger(directory: directory)
      #expect(try stored(ledger) == nil)
      try count(ledger)
      #expect(try stored(ledger) == sum(200))
    }
  }

  @Test func sumsOfBlocksThatAreNoLongerThereAreCountedAnew() throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do { try Ledger(directory: directory, genesis: sample.genesis).append(Array(blocks.prefix(100))) }
      let before = try rows(directory)
      // The older release has taken blocks back, and put others in their place.
      do {
        let ledger = try Ledger(directory: directory)
        try ledger.truncate(above: 50)
        let others = try sample.blocks(70, after: blocks[49].reference, bytes: 99)
        try ledger.append(others)
      }
      var stale = before
      stale[Array("stored:".utf8) + [UInt8](repeating: 7, count: 16)] = blockKey(4711)
      try put(stale, in: directory)
      try verify(directory)
      do {
        let ledger = try Ledger(directory: directory)
        #expect(try stored(ledger) == nil)
        try count(ledger)
        #expect(try stored(ledger) ?? 0 > sum(100))
        #expect(try ledger.stored(by: [UInt8](repeating: 7, count: 16)) == 0)
      }
      try verify(directory)
    }
  }

  @Test func aWrongSumIsFound() throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do { try Ledger(directory: directory, genesis: sample.genesis).append(Array(blocks.prefix(100))) }
      let good = try rows(directory)
      let own = Array("stored:".utf8) + sample.account.id
      let other = Array("stored:".utf8) + [UInt8].random(16)
      let changes: [[[UInt8]: [UInt8]]] = [
        [own: blockKey(sum(100) + 1)], [own: blockKey(0)], [other: blockKey(1)],
        // The same in all, of another.
        [own: blockKey(sum(100) - 5), other: blockKey(5)], [own: [1, 2, 3]], [Array("counted".utf8): [1]],
      ]
      for change in changes {
        try put(good.merging(change) { $1 }, in: directory)
        let found = refusal { try verify(directory) }
        #expect(found?.code == .chainInvalid, "\(change)")
      }
      try put(good, in: directory)
      try verify(directory)
    }
  }
}
