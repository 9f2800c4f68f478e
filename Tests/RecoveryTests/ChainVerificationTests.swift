import Archive
import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

/// Backups proven down to the last block.
@Suite struct ChainVerificationTests {
  private func verify(_ archive: String) throws -> BackupVerification.Result {
    var verification = BackupVerification(archive: archive)
    verification.level = .chain
    return try verification.run()
  }

  @Test func everyLedgerIsWalked() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 2)
      let blocks = try fixture.blocks(7)
      try fixture.make("node1_data", blocks)
      try fixture.make("node2_data", Array(blocks[..<4]))
      try FileManager.default.createDirectory(atPath: fixture.path("other"), withIntermediateDirectories: true)
      try Database(directory: "\(fixture.path("other"))/db").put([1], for: [1], sync: true)
      let result = try verify(try fixture.backUp(fixture.names + ["other"]).archive)
      #expect(result.ledgers?.map(\.path) == ["node1_data/rocksdb", "node2_data/rocksdb"])
      #expect(result.ledgers?.map(\.blocks) == [8, 5])
      #expect(result.ledgers?.map(\.entries) == [8, 5])
      #expect(result.ledgers?.first?.chain.head == blocks[6].hash.hex)
      #expect(result.notLedgers == ["other/db"])
      #expect(try FileSystem.names(in: fixture.backups).filter { $0.hasPrefix(".") } == [])
    }
  }

  /// Neither checksums nor RocksDB can know that a block was forged or taken away before the backup.
  @Test func aFaultInTheMiddleIsNamedWithItsHeight() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try fixture.make("node1_data", try fixture.blocks(9))
      try fixture.removeBlock(5, of: "node1_data")
      let archive = try fixture.backUp().archive
      let error = try #require(failure { _ = try verify(archive) })
      #expect(error.code == .chainInvalid && error.code.exitStatus == .corrupt)
      #expect(error.context["height"] == "5" && error.context["fault"] == "missing")
      #expect(error.message.hasPrefix("node1_data/rocksdb: block 5: "))
      #expect(try BackupCatalog(directory: fixture.backups).list().first?.state == .damaged)
    }
  }

  @Test func volumesThatDisagreeAreAFault() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 2)
      let archives = try (1...2).map { node in
        try fixture.make("node\(node)_data", try fixture.blocks(3))
        return try fixture.backUp(["node\(node)_data"])
      }
      // Stored together by a writer that does not compare.
      let ledgers = try archives.indices.flatMap {
        try LedgerProof.find(in: fixture.path("node\($0 + 1)_data"), of: "node\($0 + 1)_data")
      }
      let error = failure { try LedgerProof.refuseDisagreement(ledgers) }
      #expect(error?.code == .chainInvalid && error?.context["volume"] == "node2_data")
    }
  }

  @Test func aSecondLedgerInAVolumeIsProvenAndNotCompared() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      let volume = try fixture.make("node1_data", try fixture.blocks(2))
      let other = try ChainFixture(root, nodes: 1)
      _ = try Ledger(directory: "\(volume)/second", genesis: other.genesis)
      let archive = try fixture.backUp().archive
      #expect(try verify(archive).ledgers?.map(\.blocks) == [3, 1])
      #expect(try fixture.restore(archive).run().volumes[0].chain?.height == 2)
    }
  }

  @Test func aBackupWithoutALedgerIsAnError() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try FileManager.default.createDirectory(atPath: fixture.path("other"), withIntermediateDirectories: true)
      try Database(directory: "\(fixture.path("other"))/db").put([1], for: [1], sync: true)
      let archive = try fixture.backUp(["other"]).archive
      #expect(failure { _ = try verify(archive) }?.code == .chainNotALedger)
      #expect(try BackupCatalog(directory: fixture.backups).list().first?.state == .complete)
    }
  }

  @Test func whatTheBackupSaysOfTheHeadMustBeTrue() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try fixture.make("node1_data", try fixture.blocks(3))
      var noted = try #require(try fixture.backUp().metadata.volumes[0].chain)
      let ledger = try LedgerProof.find(in: fixture.path("node1_data"), of: "node1_data")[0]
      _ = try ledger.check(against: noted, Cancellation(), NoProgress())
      noted.height = 4
      let error = failure { _ = try ledger.check(against: noted, Cancellation(), NoProgress()) }
      #expect(error?.code == .chainInvalid)
    }
  }
}
