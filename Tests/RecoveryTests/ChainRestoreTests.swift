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

/// Restores of a network's volumes: which chain, how long, and what the restored disks are worth.
@Suite struct ChainRestoreTests {
  @Test func aWholeNetworkBeginsAnewFromOneHead() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(9)
      // Snapshots moments apart: the later ones know acknowledged blocks that the first lacks.
      try fixture.make("node1_data", Array(blocks[..<5]))
      try fixture.make("node2_data", Array(blocks[..<7]), acknowledged: 6)
      try fixture.make("node3_data", blocks, acknowledged: 7)
      let archive = try fixture.backUp().archive
      let report = try fixture.restore(archive).run()
      #expect(report.volumes.map { $0.chain?.height } == [9, 9, 9])
      #expect(report.volumes.map(\.standing) == ["member", "member", "member"])
      for name in fixture.names {
        #expect(try fixture.head(name) == blocks[8].reference)
        _ = try LedgerVerifier(directory: "\(fixture.path(name))/rocksdb").verify()
      }
      let standings = try fixture.names.map { try fixture.standing($0) }
      #expect(standings.allSatisfy { $0.standing == .member && $0.reason == "restored" })
      #expect(Set(standings.map(\.beginning)).count == 1)
      #expect(standings[0].beginning != ChainFixture.founded.beginning && standings[0].reign == nil)
    }
  }

  @Test func aTentativeSuffixGivesWayToALaterEpoch() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let common = try fixture.blocks(4)
      let tentative = try fixture.blocks(5, after: common[3].reference)
      let later = try fixture.blocks(2, after: common[3].reference, epoch: 2)
      try fixture.make("node1_data", common + later)
      try fixture.make("node2_data", common + later, acknowledged: 5)
      try fixture.make("node3_data", common + tentative, acknowledged: 4)
      _ = try fixture.restore(try fixture.backUp().archive).run()
      for name in fixture.names { #expect(try fixture.head(name) == later[1].reference) }
    }
  }

  @Test func fewerThanAllRejoin() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(4)
      try fixture.make("node1_data", Array(blocks[..<2]))
      for name in ["node2_data", "node3_data"] { try fixture.make(name, blocks) }
      let archive = try fixture.backUp().archive
      let report = try fixture.restore(archive) { $0.volume = "node1_data" }.run()
      #expect(report.volumes[0].standing == "rejoining")
      #expect(try fixture.standing("node1_data") == VolumeStanding(.rejoining, reason: "restored"))
      #expect(try fixture.head("node1_data").height == 2)
      #expect(try fixture.standing("node2_data") == ChainFixture.founded)
      let partial = try fixture.backUp(["node1_data", "node3_data"]).archive
      #expect(try fixture.restore(partial).run().volumes.map(\.standing) == ["rejoining", "rejoining"])
    }
  }

  @Test func mostOfTheNodesBeginAnewWhenToldTo() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      let two = try fixture.backUp(["node1_data", "node3_data"]).archive
      #expect(
        try fixture.restore(two) { $0.newBeginning = true }.run().volumes.map(\.standing) == ["member", "member"])
      let error = failure {
        _ = try fixture.restore(two) {
          $0.newBeginning = true
          $0.volume = "node1_data"
        }.run()
      }
      #expect(error?.code == .usage)
    }
  }

  @Test func aVolumeOfAnotherChainIsRefused() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      let archive = try fixture.backUp().archive
      let other = try ChainFixture(root)
      try FileManager.default.removeItem(atPath: fixture.path("node2_data"))
      try other.make("node2_data", try other.blocks(3))
      let before = try await fixture.tree()
      for volume in [nil, "node2_data"] {
        let error = failure { _ = try fixture.restore(archive) { $0.volume = volume }.run() }
        #expect(error?.code == .restoreForeignChain && error?.code.exitStatus == .refused)
        #expect(error?.hint?.contains("--replace-chain") == true)
      }
      #expect(
        failure { _ = try fixture.restore(archive) { $0.replaceForeign = true }.run() }?.code == .restoreForeignChain)
      #expect(try await fixture.tree() == before)
      let report = try fixture.restore(archive) { $0.replaceChain = true }.run()
      let copy = try #require(report.volumes[1].safetyCopy)
      #expect(try ChainFacts.read(directory: "\(copy)/rocksdb")?.chain == other.chain)
      #expect(try ChainFacts.read(directory: "\(fixture.path("node2_data"))/rocksdb")?.chain == fixture.chain)
    }
  }

  /// A volume that its peers rebuilt has the chain, and a RocksDB with another identity.
  @Test func aVolumeRebuiltFromItsPeersIsNotForeign() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      let blocks = try fixture.blocks(2)
      try fixture.make("node1_data", blocks)
      let archive = try fixture.backUp().archive
      try FileManager.default.removeItem(atPath: fixture.path("node1_data"))
      try fixture.make("node1_data", blocks)
      #expect(try fixture.restore(archive).run().volumes[0].standing == "member")
    }
  }

  @Test func aNewerSchemaIsRefused() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try fixture.make("node1_data", [])
      let archive = try fixture.backUp().archive
      let before = try await fixture.tree()
      var restore = try fixture.restore(archive)
      restore.source.volumes[0].chain?.schemaVersion = 2
      #expect(failure { _ = try restore.run() }?.code == .chainNewerSchema)
      #expect(try await fixture.tree() == before)
      try fixture.setSchema(2, of: "node1_data")
      #expect(failure { _ = try fixture.restore(archive).run() }?.code == .chainNewerSchema)
      #expect(try fixture.restore(archive) { $0.replaceChain = true }.run().volumes[0].safetyCopy != nil)
    }
  }

  @Test func aChainWithAFaultIsNotPutInPlace() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 2)
      let blocks = try fixture.blocks(6)
      for name in fixture.names { try fixture.make(name, blocks) }
      try fixture.removeBlock(3, of: "node2_data")
      let archive = try fixture.backUp().archive
      let before = try await fixture.tree()
      let error = failure { _ = try fixture.restore(archive).run() }
      #expect(error?.code == .chainInvalid && error?.context["height"] == "3")
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func aHeadThatTheBackupDoesNotNameIsRefused() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try fixture.make("node1_data", try fixture.blocks(2))
      var restore = try fixture.restore(try fixture.backUp().archive)
      restore.source.volumes[0].chain?.height = 1
      let before = try await fixture.tree()
      #expect(failure { _ = try restore.run() }?.code == .chainInvalid)
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func aStandingThatComesWithABackupIsNotPutInPlace() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      var restore = try fixture.restore(try fixture.backUp().archive) { $0.volume = "node2_data" }
      let build = restore.source.build
      restore.source.build = {
        let warnings = try build($0)
        try ChainFixture.founded.write(in: $0.directories["node2_data"]!)
        return warnings
      }
      _ = try restore.run()
      #expect(try fixture.standing("node2_data").standing == .rejoining)
    }
  }

  // MARK: --height

  @Test func theChainIsCutAtAHeight() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(9)
      try fixture.make("node1_data", blocks)
      try fixture.make("node2_data", Array(blocks[..<3]))
      try fixture.make("node3_data", blocks)
      let archive = try fixture.backUp().archive
      for height: UInt64 in [9, 6, 0] {
        let report = try fixture.restore(archive) { $0.height = height }.run()
        #expect(report.volumes.map { $0.chain?.height } == Array(repeating: Int64(height), count: 3))
        let expected = height == 0 ? fixture.genesis.reference : blocks[Int(height) - 1].reference
        for name in fixture.names {
          #expect(try fixture.head(name) == expected)
          let proven = try LedgerVerifier(directory: "\(fixture.path(name))/rocksdb").verify()
          #expect(proven.blocks == height + 1 && proven.acknowledged <= height)
          #expect(try fixture.standing(name).standing == .member)
        }
      }
    }
  }

  @Test func aHeightAboveTheHeadIsRefusedNamingTheHead() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, try name == "node1_data" ? fixture.blocks(4) : []) }
      let archive = try fixture.backUp().archive
      let before = try await fixture.tree()
      let error = failure { _ = try fixture.restore(archive) { $0.height = 5 }.run() }
      #expect(error?.code == .usage && error?.hint?.contains("--height 4") == true)
      #expect(failure { _ = try fixture.restore(archive) { $0.height = .max }.plan() }?.code == .usage)
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func oneVolumeAloneIsNotCut() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(4)
      for name in fixture.names { try fixture.make(name, blocks) }
      let archive = try fixture.backUp().archive
      let before = try await fixture.tree()
      let error = failure {
        _ = try fixture.restore(archive) {
          $0.volume = "node2_data"
          $0.height = 2
        }.run()
      }
      #expect(error?.code == .usage && error?.context["missing"] == "node1 node3")
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func aHeightNeedsAChain() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let source = try fixture.source(["node1_data"])
      #expect(failure { _ = try fixture.restore(source) { $0.height = 1 }.run() }?.code == .chainNotALedger)
    }
  }

  /// A node that does not run as root must be able to open what root has cut, levelled, and marked.
  @Test(.enabled(if: geteuid() == 0)) func everythingStaysTheNodes() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 2)
      let blocks = try fixture.blocks(6)
      try fixture.make("node1_data", blocks)
      try fixture.make("node2_data", Array(blocks[..<2]))
      try fixture.found()
      _ = try await Programs.run("chown", ["-R", "4711:4712", fixture.volumes])
      let archive = try fixture.backUp().archive
      let owners = ["-c", "find \"$1\" -not -user 4711 -o -not -group 4712", "sh", fixture.volumes]
      _ = try fixture.restore(archive) { $0.height = 4 }.run()
      #expect(try await Programs.run("sh", owners).output == "")
      try fixture.damage("node2_data")
      _ = try fixture.repair("node2", from: .peers).run()
      #expect(try await Programs.run("sh", owners).output == "")
    }
  }

  // MARK: Rollback

  @Test func aWholeRollbackKeepsTheStandings() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      let archive = try fixture.backUp().archive
      _ = try fixture.restore(archive).run()
      _ = try Rollback(.newest(directory: fixture.volumes)).run()
      for name in fixture.names { #expect(try fixture.standing(name) == ChainFixture.founded) }
    }
  }

  /// What it has acknowledged since is lost with the data that goes.
  @Test func oneVolumeThatIsRolledBackRejoins() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      let archive = try fixture.backUp().archive
      _ = try fixture.restore(archive) { $0.volume = "node3_data" }.run()
      _ = try Rollback(.newest(directory: fixture.volumes)).run()
      #expect(try fixture.standing("node3_data").standing == .rejoining)
      #expect(try fixture.standing("node1_data") == ChainFixture.founded)
    }
  }
}

extension ChainFixture {
  func restore(_ archive: String, _ change: (inout RestoreRequest) -> Void = { _ in }) throws -> Restore {
    var request = RestoreRequest(target: .directory(volumes))
    change(&request)
    return Restore(request, from: try .archive(archive, trust: .anything))
  }

  /// Everything below the volumes, but for what nobody can keep: times of access.
  func tree() async throws -> String {
    let script =
      "cd \"$1\" && find . -printf '%p %y %m %s\\n' | sort && find . -type f -print0 | sort -z | xargs -0 md5sum"
    return try await Programs.run("sh", ["-c", script, "tree", volumes]).output
  }

  func setSchema(_ version: UInt32, of name: String) throws {
    let database = try Database(directory: "\(path(name))/rocksdb", families: Ledger.families)
    try database.put(withUnsafeBytes(of: version.bigEndian) { Array($0) }, for: Array("schema".utf8), sync: true)
  }
}
