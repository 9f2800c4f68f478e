import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct LedgerRefusalTests {
  private let sample: SampleChain
  private let blocks: [Block]

  init() throws {
    sample = try SampleChain()
    blocks = try sample.blocks(30)
  }

  /// A closed ledger of 30 blocks, in tables and in a log.
  private func withLedger(_ body: (String) throws -> Void) throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      do {
        let ledger = try Ledger(directory: directory, genesis: sample.genesis)
        try ledger.append(Array(blocks[..<20]))
      }
      try tamper(directory) { database, _ in for family in ledgerFamilies { try database.flush(family: family) } }
      do { try Ledger(directory: directory).append(Array(blocks[20...])) }
      try body(directory)
    }
  }

  /// Opening is refused and changes no byte of any file.
  private func expectRefusal(_ code: ErrorCode, _ directory: String, genesis: Block? = nil) throws {
    let before = try content(of: directory)
    let error = refusal { _ = try Ledger(directory: directory, genesis: genesis) }
    #expect(error?.code == code, "\(error?.description ?? "was opened")")
    #expect(try content(of: directory) == before)
  }

  @Test func anotherChainIsRefused() throws {
    try withLedger { directory in
      try expectRefusal(.chainForeign, directory, genesis: try SampleChain().genesis)
      let ledger = try Ledger(directory: directory, genesis: sample.genesis)
      #expect(ledger.head == blocks[29].reference)
    }
  }

  @Test func aNewerSchemaIsNeverMadeAnew() throws {
    try withLedger { directory in
      try tamper(directory) { database, batch in database.put([0, 0, 0, 2], for: Array("schema".utf8), into: batch) }
      try expectRefusal(.chainNewerSchema, directory)
      try expectRefusal(.chainNewerSchema, directory, genesis: sample.genesis)
      #expect(refusal { _ = try ChainFacts.read(directory: directory) }?.code == .chainNewerSchema)
      #expect(refusal { _ = try LedgerVerifier(directory: directory).verify() }?.code == .chainNewerSchema)
    }
  }

  @Test func anotherKindOfDatabaseIsRefused() throws {
    try inTemporaryDirectory { scratch in
      for (name, families) in [("plain", ["default"]), ("alike", ledgerFamilies), ("more", ledgerFamilies + ["x"])] {
        let directory = "\(scratch)/\(name)"
        do { try Database(directory: directory, families: families).put([1], for: [1]) }
        try expectRefusal(.chainNotALedger, directory)
        try expectRefusal(.chainNotALedger, directory, genesis: sample.genesis)
        #expect(try ChainFacts.read(directory: directory) == nil)
        #expect(refusal { _ = try LedgerVerifier(directory: directory).verify() }?.code == .chainNotALedger)
      }
    }
  }

  @Test func aFurtherColumnFamilyIsRefused() throws {
    try withLedger { directory in
      do { _ = try Database(directory: directory, families: ledgerFamilies + ["x"]) }
      try expectRefusal(.chainNotALedger, directory)
    }
  }

  @Test func nothingIsFoundedWithoutAGenesis() throws {
    try inTemporaryDirectory { scratch in
      #expect(refusal { _ = try Ledger(directory: "\(scratch)/none") }?.code == .chainNotALedger)
      #expect(try FileSystem.status("\(scratch)/none") == nil)
      try expectRefusal(.chainNotALedger, scratch)
      #expect(refusal { _ = try Ledger(directory: scratch, genesis: blocks[3]) }?.code == .chainInvalid)
    }
  }

  @Test func aFoundingCutShortIsFinished() throws {
    try inTemporaryDirectory { scratch in
      for count in 1...ledgerFamilies.count {
        let directory = "\(scratch)/\(count)"
        do { _ = try Database(directory: directory, families: Array(ledgerFamilies[..<count])) }
        try expectRefusal(.chainNotALedger, directory)
        #expect(try Ledger(directory: directory, genesis: sample.genesis).head == sample.genesis.reference)
      }
    }
  }

  @Test func whatIsDamagedIsCalledSo() throws {
    let head = blocks[29].reference
    let damages: [(String, (Database, WriteBatch) throws -> Void)] = [
      ("no head", { $0.delete(Array("head".utf8), into: $1) }),
      ("a short head", { $0.put([1, 2], for: Array("head".utf8), into: $1) }),
      ("another head", { $0.put(headValue(self.blocks[28].reference), for: Array("head".utf8), into: $1) }),
      ("a head above", { $0.put(blockKey(31) + blockKey(1) + head.hash.bytes, for: Array("head".utf8), into: $1) }),
      (
        "a wrong hash",
        { $0.put(blockKey(30) + blockKey(1) + self.blocks[3].hash.bytes, for: Array("head".utf8), into: $1) }
      ),
      ("a wrong epoch", { $0.put(blockKey(30) + blockKey(2) + head.hash.bytes, for: Array("head".utf8), into: $1) }),
      ("no head block", { $0.delete(blockKey(30), family: "blocks", into: $1) }),
      ("a head block of noise", { $0.put([1, 2, 3], for: blockKey(30), family: "blocks", into: $1) }),
      ("another head block", { $0.put(self.blocks[28].encoded, for: blockKey(30), family: "blocks", into: $1) }),
      ("a block above", { $0.put([1], for: blockKey(40), family: "blocks", into: $1) }),
      ("no genesis", { $0.delete(blockKey(0), family: "blocks", into: $1) }),
      ("another genesis", { $0.put(try SampleChain().genesis.encoded, for: blockKey(0), family: "blocks", into: $1) }),
      ("acknowledged above the head", { $0.put(blockKey(31), for: Array("acknowledged".utf8), into: $1) }),
      ("no acknowledged height", { $0.delete(Array("acknowledged".utf8), into: $1) }),
      ("a short promise", { $0.put([1], for: Array("promise".utf8), into: $1) }),
    ]
    for (name, damage) in damages {
      try withLedger { directory in
        try tamper(directory, damage)
        let error = refusal { _ = try Ledger(directory: directory, genesis: sample.genesis) }
        #expect(error?.code == .databaseCorrupt, "\(name): \(error?.description ?? "was opened")")
        #expect(error?.hint != nil)
      }
    }
  }

  @Test func damagedBytesAreCalledSo() throws {
    try withLedger { directory in
      let names = try FileSystem.names(in: directory)
      for name in names where name.hasSuffix(".sst") || name.hasPrefix("MANIFEST") || name == "CURRENT" {
        let path = URL(fileURLWithPath: "\(directory)/\(name)")
        let good = try Data(contentsOf: path)
        var bad = good
        for index in bad.indices where index % 16 == 3 { bad[index] ^= 0x55 }
        try bad.write(to: path)
        let error = refusal {
          let ledger = try Ledger(directory: directory)
          for height in UInt64(0)...30 { _ = try ledger.block(at: height) }
          _ = try ledger.account(sample.account.id)
          _ = try ledger.account(keyHash: sample.account.keyHash)
          try ledger.setAcknowledged(30)
          for entry in try ledger.entries(of: sample.account.id, limit: 99) { _ = try ledger.entry(entry.content.id) }
        }
        #expect(error?.code == .databaseCorrupt, "\(name): \(error?.description ?? "was read")")
        try good.write(to: path)
      }
      try FileManager.default.removeItem(atPath: "\(directory)/CURRENT")
      try expectRefusal(.databaseCorrupt, directory, genesis: sample.genesis)
    }
  }

  @Test func aMissingTableIsDamage() throws {
    try withLedger { directory in
      let table = try FileSystem.names(in: directory).first { $0.hasSuffix(".sst") }!
      try FileManager.default.removeItem(atPath: "\(directory)/\(table)")
      #expect(refusal { _ = try Ledger(directory: directory) }?.code == .databaseCorrupt)
    }
  }

  @Test func aBlockThatIsMissingIsFoundWhenItIsRead() throws {
    try withLedger { directory in
      try tamper(directory) { database, batch in
        database.delete(blockKey(7), family: "blocks", into: batch)
        database.put(blocks[3].encoded, for: blockKey(9), family: "blocks", into: batch)
        database.put(place(30, 0), for: sample.account.id, family: "accounts", into: batch)
      }
      let ledger = try Ledger(directory: directory)
      try ledger.setAcknowledged(30)
      #expect(refusal { _ = try ledger.block(at: 7) }?.code == .databaseCorrupt)
      #expect(refusal { _ = try ledger.blocks(from: 6, limit: 5, maxBytes: 1 << 20) }?.code == .databaseCorrupt)
      #expect(refusal { _ = try ledger.block(at: 9) }?.code == .databaseCorrupt)
      #expect(refusal { _ = try ledger.account(sample.account.id) }?.code == .databaseCorrupt)
      #expect(try ledger.block(at: 10) == blocks[9])
    }
  }

  @Test func anOpenLedgerIsNotOpenedTwice() throws {
    try withLedger { directory in
      let ledger = try Ledger(directory: directory)
      #expect(refusal { _ = try Ledger(directory: directory) }?.code == .volumeBusy)
      let link = "\(directory)-link"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: directory)
      #expect(refusal { _ = try Ledger(directory: link) }?.code == .volumeBusy)
      try ledger.append([])
    }
  }
}
