import Archive
import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

/// What a backup knows of the chains in its volumes.
@Suite struct ChainBackupTests {
  @Test func theMetadataHoldsEachVolumesChain() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(5)
      try fixture.make("node1_data", blocks, acknowledged: 4)
      try fixture.make("node2_data", Array(blocks[..<3]))
      try fixture.make("node3_data", [])
      let result = try fixture.backUp()
      let metadata = try ArchiveReader.metadata(of: result.archive)
      #expect(metadata.leftOut == nil)
      #expect(
        metadata.volumes[0].chain
          == BackupMetadata.Chain(
            id: fixture.chain.hex, network: "test", validators: ["node1", "node2", "node3"], schemaVersion: 1,
            height: 5, head: blocks[4].hash.hex, acknowledged: 4))
      #expect(metadata.volumes.map { $0.chain?.height } == [5, 3, 0])
    }
  }

  @Test func aLiveLedgerIsReadFromTheSnapshot() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      let blocks = try fixture.blocks(4)
      try fixture.make("node1_data", Array(blocks[..<3]))
      try fixture.ledger("node1_data") { ledger in
        try ledger.append([blocks[3]], sync: false)
        #expect(try fixture.backUp().metadata.volumes[0].chain?.height == 4)
      }
    }
  }

  @Test func aNodeThatDisagreesIsNamedAndLeftOut() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let common = try fixture.blocks(3)
      let right = try fixture.blocks(2, after: common[2].reference)
      let wrong = try fixture.blocks(2, after: common[2].reference)
      try fixture.make("node1_data", common + right)
      try fixture.make("node2_data", common + wrong)
      try fixture.make("node3_data", common + right)
      let metadata = try ArchiveReader.metadata(of: try fixture.backUp().archive)
      #expect(metadata.volumes.map(\.name) == ["node1_data", "node3_data"])
      #expect(metadata.leftOut?.map(\.volume) == ["node2_data"])
      #expect(metadata.leftOut?.first?.reason.contains("block 5") == true)
    }
  }

  @Test func ofTwoThatDisagreeTheAuthorityPrevails() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      try fixture.make("node1_data", try fixture.blocks(2))
      try fixture.make("node2_data", try fixture.blocks(4))
      try fixture.make("node3_data", [])
      let metadata = try fixture.backUp(["node2_data", "node1_data", "node3_data"]).metadata
      #expect(metadata.volumes.map(\.name) == ["node1_data", "node3_data"])
      #expect(metadata.leftOut?.map(\.volume) == ["node2_data"])
    }
  }

  @Test func theMajorityPrevailsOverTheAuthority() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let others = try fixture.blocks(2)
      try fixture.make("node1_data", try fixture.blocks(2))
      for name in ["node2_data", "node3_data"] { try fixture.make(name, others) }
      #expect(try fixture.backUp().metadata.leftOut?.map(\.volume) == ["node1_data"])
    }
  }

  @Test func unacknowledgedBlocksMayDiffer() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let common = try fixture.blocks(3)
      for name in fixture.names {
        try fixture.make(name, common + (try fixture.blocks(1, after: common[2].reference)), acknowledged: 3)
      }
      #expect(try fixture.backUp().metadata.leftOut == nil)
    }
  }

  @Test func anUnacknowledgedBlockDoesNotPrevail() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let common = try fixture.blocks(3)
      let tentative = try fixture.blocks(1, after: common[2].reference)
      let right = try fixture.blocks(1, after: common[2].reference, epoch: 2)
      try fixture.make("node1_data", common + right)
      for name in ["node2_data", "node3_data"] { try fixture.make(name, common + tentative, acknowledged: 3) }
      #expect(try fixture.backUp().metadata.leftOut == nil)
    }
  }

  @Test func anotherChainIsNotMixedIn() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(2)
      for name in ["node1_data", "node3_data"] { try fixture.make(name, blocks) }
      let other = try ChainFixture(root)
      try other.make("node2_data", try other.blocks(9))
      let metadata = try fixture.backUp().metadata
      #expect(metadata.volumes.map(\.name) == ["node1_data", "node3_data"])
      #expect(metadata.leftOut?.first?.reason.contains("belongs to chain \(other.chain.short)") == true)
    }
  }

  @Test func aVolumeWithoutAChainIsKeptAsItIs() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try fixture.make("node1_data", try fixture.blocks(2))
      try FileManager.default.createDirectory(atPath: fixture.path("other"), withIntermediateDirectories: true)
      try Database(directory: "\(fixture.path("other"))/db").put([1], for: [1], sync: true)
      let metadata = try fixture.backUp(["node1_data", "other"]).metadata
      #expect(metadata.volumes.map { $0.chain?.height } == [2, nil])
    }
  }

  @Test func aLedgerWithoutItsHeadIsLeftOut() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 2)
      let blocks = try fixture.blocks(3)
      for name in fixture.names { try fixture.make(name, blocks) }
      try fixture.removeBlock(3, of: "node2_data")
      #expect(try fixture.backUp().metadata.leftOut?.map(\.volume) == ["node2_data"])
      #expect(failure { _ = try fixture.backUp(["node2_data"]) }?.code == .databaseCorrupt)
      #expect(try fixture.backUp(["node2_data"], unproven: true).metadata.volumes[0].unproven.count == 1)
    }
  }
}

extension ChainFixture {
  /// Takes one block out of a ledger's database, behind the ledger's back.
  func removeBlock(_ height: UInt64, of name: String) throws {
    let directory = "\(path(name))/rocksdb"
    let database = try Database(directory: directory, families: Ledger.families)
    let batch = WriteBatch()
    database.delete(withUnsafeBytes(of: height.bigEndian) { Array($0) }, family: "blocks", into: batch)
    try database.write(batch, sync: true)
  }
}
