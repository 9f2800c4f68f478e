import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import Chain

/// What a node finds after the power failed, or after its disk lost bytes.
@Suite struct TornLogTests {
  private let sample: SampleChain
  private let blocks: [Block]

  init() throws {
    sample = try SampleChain()
    blocks = try sample.blocks(12)
  }

  /// Each block its own write; then a copy as a killed process leaves it, with everything in the log.
  private func withKilledLedger(_ body: (String, String) throws -> Void) throws {
    try inTemporaryDirectory { scratch in
      let ledger = try Ledger(directory: "\(scratch)/live", genesis: sample.genesis)
      for block in blocks { try ledger.append([block]) }
      let copy = "\(scratch)/copy"
      try FileManager.default.copyItem(atPath: "\(scratch)/live", toPath: copy)
      let log = try FileSystem.names(in: copy).filter { $0.hasSuffix(".log") }
      try #require(log.count == 1)
      try body(copy, "\(copy)/\(log[0])")
    }
  }

  @Test func aLogCutAnywhereOpensToAWholeLedger() throws {
    try withKilledLedger { directory, log in
      let whole = try Data(contentsOf: URL(fileURLWithPath: log))
      var heads: Set<UInt64> = []
      for size in stride(from: whole.count, through: whole.count / 2, by: -37) {
        let trial = "\(directory)-\(size)"
        try FileManager.default.copyItem(atPath: directory, toPath: trial)
        try whole.prefix(size).write(to: URL(fileURLWithPath: "\(trial)/\(FileSystem.name(of: log))"))
        let head = try Ledger(directory: trial).head
        #expect(head == (head.height == 0 ? sample.genesis : blocks[Int(head.height) - 1]).reference)
        #expect(try LedgerVerifier(directory: trial).verify().head == head)
        heads.insert(head.height)
        try FileManager.default.removeItem(atPath: trial)
      }
      #expect(heads.count > 4 && heads.contains(12))
    }
  }

  @Test func aLogDamagedInTheMiddleIsNotReadUpToThere() throws {
    try withKilledLedger { directory, log in
      var bytes = try Data(contentsOf: URL(fileURLWithPath: log))
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: URL(fileURLWithPath: log))
      #expect(refusal { _ = try Ledger(directory: directory) }?.code == .databaseCorrupt)
      #expect(refusal { _ = try LedgerVerifier(directory: directory).verify() }?.code == .databaseCorrupt)
    }
  }

  @Test func anOlderLogThatIsGoneOrCutIsFound() throws {
    try inTemporaryDirectory { scratch in
      let live = "\(scratch)/live"
      let ledger = try Ledger(directory: live, genesis: sample.genesis)
      for block in blocks[..<6] { try ledger.append([block]) }
      // Begins a new log, while the old one still holds the only copy of the blocks.
      try ledger.database.flush(family: "accounts")
      for block in blocks[6...] { try ledger.append([block]) }
      let logs = try FileSystem.names(in: live).filter { $0.hasSuffix(".log") }.sorted()
      try #require(logs.count == 2)
      for cut in [false, true] {
        let copy = "\(scratch)/\(cut)"
        try FileManager.default.copyItem(atPath: live, toPath: copy)
        #expect(try LedgerVerifier(directory: copy).verify().head == ledger.head)
        let path = "\(copy)/\(logs[0])"
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        if cut {
          try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
        } else {
          try FileManager.default.removeItem(atPath: path)
        }
        let error = refusal { _ = try Ledger(directory: copy) }
        #expect(error?.code == .databaseCorrupt, "\(error?.description ?? "was opened")")
      }
    }
  }
}
