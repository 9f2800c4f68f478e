import Archive
import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

/// Damaged and lost volumes, rebuilt.
@Suite struct VolumeRepairTests {
  @Test func peersRebuildFromTheGenesisBlock() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, try name == "node2_data" ? fixture.blocks(3) : []) }
      try fixture.found()
      try fixture.damage("node2_data")
      let report = try fixture.repair("node2", from: .peers).run()
      #expect(try fixture.head("node2_data") == fixture.genesis.reference)
      #expect(try fixture.standing("node2_data") == VolumeStanding(.rejoining, reason: "repaired"))
      #expect(report.plan.kept.count == 3 && report.plan.lost == [])
      let copy = try #require(report.safetyCopy)
      for name in KeptSecrets.names {
        #expect(try fixture.bytes("node2_data/\(name)") == Data(contentsOf: URL(fileURLWithPath: "\(copy)/\(name)")))
        let status = try #require(try FileSystem.status("\(fixture.path("node2_data"))/\(name)"))
        #expect(status.st_mode & 0o777 == 0o600)
      }
    }
  }

  @Test(arguments: [true, false])
  func aBackupRebuildsAndTheSecretsStay(lost: Bool) throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(4)
      for name in fixture.names { try fixture.make(name, blocks) }
      try fixture.found()
      let archive = try fixture.backUp().archive
      let own = Array("a secret that is newer than the backup".utf8)
      try AtomicFile.write(own, to: "\(fixture.path("node3_data"))/jwt_secret")
      if lost {
        try FileManager.default.removeItem(atPath: fixture.path("node3_data"))
      } else {
        try fixture.damage("node3_data")
      }
      let report = try fixture.repair("node3_data", from: .backup(archive)).run()
      #expect(report.height == 4 && report.standing == "rejoining" && (report.safetyCopy == nil) == lost)
      #expect(try fixture.head("node3_data") == blocks[3].reference)
      let restored = try fixture.bytes("node3_data/jwt_secret")
      #expect(restored == Data(lost ? ChainFixture.secret("jwt_secret", of: "node3_data") : own))
      #expect(
        try ValidatorKey(path: "\(fixture.path("node3_data"))/validator_key").publicKey == fixture.keys[2].publicKey)
    }
  }

  @Test func aLostKeyComesFromTheNetworksHome() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      try fixture.found()
      try FileManager.default.removeItem(atPath: fixture.path("node2_data"))
      let report = try fixture.repair("node2", from: .peers).run()
      #expect(report.plan.kept == ["validator_key from the network's home"])
      #expect(report.plan.lost == ["jwt_secret", "session_secret"])
      #expect(
        try ValidatorKey(path: "\(fixture.path("node2_data"))/validator_key").publicKey == fixture.keys[1].publicKey)
    }
  }

  @Test func aKeyThatIsNotTheNodesIsNotKept() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      try fixture.found()
      try fixture.keys[0].write(to: "\(fixture.path("node2_data"))/validator_key", replacing: true)
      let report = try fixture.repair("node2", from: .peers).run()
      #expect(report.plan.kept.first == "validator_key from the network's home")
    }
  }

  @Test func withoutAKeyNothingIsDone() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      try fixture.found(keys: false)
      try Data("no key".utf8).write(to: URL(fileURLWithPath: "\(fixture.path("node2_data"))/validator_key"))
      let before = try await fixture.tree()
      #expect(failure { _ = try fixture.repair("node2", from: .peers).run() }?.code == .chainKeyInvalid)
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func theFasterWayIsTakenAndStated() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let blocks = try fixture.blocks(20)
      for name in fixture.names { try fixture.make(name, blocks) }
      try fixture.found()
      _ = try fixture.backUp()
      try fixture.damage("node2_data")
      let plan = try fixture.repair("node2", from: .faster).plan()
      let peers = try #require(plan.peers)
      let backup = try #require(plan.fromBackup)
      #expect((plan.backup == nil) == (peers.seconds <= backup.seconds))
      #expect(peers.basis.hasPrefix("20 blocks at ") && backup.basis.contains("20 blocks to prove and 0 newer"))
      #expect(try FileSystem.names(in: fixture.volumes).sorted() == fixture.names)
    }
  }

  @Test func withoutAnythingToMeasureABackupIsTaken() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      let archive = try fixture.backUp().archive
      for name in fixture.names { try FileManager.default.removeItem(atPath: fixture.path(name)) }
      let report = try fixture.repair("node1", from: .faster).run()
      #expect(report.plan.backup == archive && report.plan.peers == nil)
      // Without a backup there is nothing left to begin with.
      try FileManager.default.removeItem(atPath: fixture.path("node1_data"))
      try FileManager.default.removeItem(atPath: archive)
      #expect(failure { _ = try fixture.repair("node1", from: .faster).run() }?.code == .chainNotALedger)
    }
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, []) }
      let other = try ChainFixture("\(root)/other")
      for name in other.names { try other.make(name, []) }
      let foreign = try other.backUp().archive
      let partial = try fixture.backUp(["node1_data"]).archive
      try fixture.found()
      let before = try await fixture.tree()
      #expect(failure { _ = try fixture.repair("node9", from: .peers).run() }?.code == .volumeNotFound)
      #expect(failure { _ = try fixture.repair("node2", from: .backup(partial)).run() }?.code == .volumeNotFound)
      #expect(failure { _ = try fixture.repair("node2", from: .backup(foreign)).run() }?.code == .chainForeign)
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func aNetworkOfOneHasNoPeers() throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root, nodes: 1)
      try fixture.make("node1_data", try fixture.blocks(2))
      try fixture.found()
      #expect(failure { _ = try fixture.repair("node1", from: .peers).run() }?.code == .usage)
      let archive = try fixture.backUp().archive
      try fixture.damage("node1_data")
      #expect(try fixture.repair("node1", from: .backup(archive)).run().standing == "member")
    }
  }
}

extension ChainFixture {
  var home: String { "\(root)/network" }

  /// What a founding leaves in the network's home.
  func found(keys withKeys: Bool = true) throws {
    try FileManager.default.createDirectory(atPath: "\(home)/keys", withIntermediateDirectories: true)
    try AtomicFile.write(genesis.encoded, to: "\(home)/genesis.block")
    guard withKeys else { return }
    for (index, key) in keys.enumerated() { try key.write(to: "\(home)/keys/node\(index + 1).validator_key") }
  }

  func repair(_ node: String, from source: VolumeRepair.Source) -> VolumeRepair {
    VolumeRepair(environment: "local", node: node, from: source, volumes: volumes, home: home, backups: backups)
  }

  /// Leaves a database that no longer opens.
  func damage(_ name: String) throws {
    let directory = "\(path(name))/rocksdb"
    for file in try FileSystem.names(in: directory) where file.hasPrefix("MANIFEST") {
      try Data("damaged".utf8).write(to: URL(fileURLWithPath: "\(directory)/\(file)"))
    }
  }

  func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(volumes)/\(path)")) }
}
