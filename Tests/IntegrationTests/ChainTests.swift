import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

/// Backups, restores and repairs of a network's volumes by the real binary: what it says, and its exit status.
@Suite struct ChainTests {
  @Test func aNodeThatDisagreesIsNamedAndTheRestIsStored() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      let blocks = try network.blocks(4)
      for node in ["node1", "node3"] { try network.make(node, blocks) }
      try network.make("node2", try network.blocks(4))
      let finished = try await fixture.goud("backup", "create", "--format", "json")
      #expect(finished.status == 3 && finished.errors.contains("run.some-items-failed"))
      #expect(finished.errors.contains("node2_data: its acknowledged block 4"))
      let archive = try network.archive(fixture)
      let inspected = try await fixture.goud("backup", "inspect", archive)
      #expect(inspected.output.contains("LEFT OUT") && inspected.output.contains(network.genesis.hash.hex))
      let listed = try await fixture.goud("backup", "list").output
      #expect(listed.contains("node1_data node3_data (without node2_data)") && listed.contains("  4  "))
      let verified = try await fixture.goud("backup", "verify", archive, "--level", "chain")
      #expect(verified.status == 0 && verified.output.contains("5 blocks, 5 entries proven"), "\(verified)")
    }
  }

  @Test func aForgedChainDoesNotVerify() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      for node in ["node1", "node2", "node3"] { try network.make(node, network.chain) }
      try network.removeBlock(2, of: "node3")
      let archive = try await fixture.backUp()
      #expect(try await fixture.goud("backup", "verify", archive, "--level", "database").status == 0)
      let verified = try await fixture.goud("backup", "verify", archive, "--level", "chain")
      #expect(verified.status == 12 && verified.errors.contains("node3_data/rocksdb: block 2: missing"))
      let before = try await fixture.tree(fixture.volumes)
      #expect(try await fixture.goud("restore", archive, "--yes").status == 12)
      #expect(try await fixture.tree(fixture.volumes) == before)
    }
  }

  @Test func aBackupWithoutAChainSaysSo() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume()
      let archive = try await fixture.backUp()
      let verified = try await fixture.goud("backup", "verify", archive, "--level", "chain")
      #expect(verified.status == 13 && verified.errors.contains("is a ledger"))
      #expect(try await fixture.goud("restore", archive, "--yes", "--height", "1").status == 13)
    }
  }

  @Test func aNetworkIsRestoredAsItWasAtAHeight() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      for node in ["node1", "node2", "node3"] { try network.make(node, network.chain) }
      let archive = try await fixture.backUp()
      let planned = try await fixture.goud("restore", archive, "--height", "2", "--dry-run")
      #expect(planned.output.contains("begins anew from block 2 of 4"), "\(planned)")
      let restored = try await fixture.goud("restore", archive, "--height", "2", "--yes")
      #expect(restored.status == 0 && restored.output.contains("block 2 ("), "\(restored)")
      let inspected = try await fixture.goud("volume", "inspect", "node2").output
      #expect(inspected.contains("block 2, ") && inspected.contains("member"), "\(inspected)")
      let above = try await fixture.goud("restore", archive, "--height", "5", "--yes")
      #expect(above.status == 64 && above.errors.contains("--height 4"), "\(above)")
      let alone = try await fixture.goud("restore", archive, "--height", "1", "--volume", "node1_data", "--yes")
      #expect(alone.status == 64 && alone.errors.contains("--new-beginning"), "\(alone)")
    }
  }

  @Test func anotherChainIsOnlyReplacedByName() async throws {
    try await Fixture.with { fixture in
      let other = try SampleNetwork(fixture)
      try other.make("node1", other.chain)
      let archive = try await fixture.backUp()
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/node1_data")
      let network = try SampleNetwork(fixture)
      try network.make("node1", [])
      let refused = try await fixture.goud("restore", archive, "--yes", "--format", "json")
      #expect(refused.status == 13 && refused.errors.contains("restore.foreign-chain"))
      let replaced = try await fixture.goud("restore", archive, "--yes", "--replace-chain")
      #expect(replaced.status == 0 && replaced.output.contains("rejoining"), "\(replaced)")
    }
  }

  @Test func aLedgerWithoutItsHeadIsFoundByTheCheck() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      for node in ["node1", "node2"] { try network.make(node, network.chain) }
      try network.removeBlock(4, of: "node2")
      let checked = try await fixture.goud("volume", "check")
      #expect(checked.status == 21 && checked.output.contains("block 4, the head, is missing"), "\(checked)")
      let inspected = try await fixture.goud("volume", "inspect", "node2")
      #expect(inspected.status == 12 && inspected.errors.contains("goud volume repair"), "\(inspected)")
    }
  }

  @Test func aDamagedVolumeIsRepaired() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      for node in ["node1", "node2", "node3"] { try network.make(node, network.chain) }
      let archive = try await fixture.backUp()
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/node2_data/rocksdb")
      let unconfirmed = try await fixture.goud("volume", "repair", "node2")
      #expect(unconfirmed.status == 13 && unconfirmed.errors.contains("from peers: about"), "\(unconfirmed)")
      let fromBackup = try await fixture.goud("volume", "repair", "node2", "--from", archive, "--yes")
      #expect(fromBackup.status == 0 && fromBackup.output.contains("block 4, rejoining"), "\(fromBackup)")
      let fromPeers = try await fixture.goud("volume", "repair", "node2", "--from", "peers", "--yes")
      #expect(fromPeers.status == 0 && fromPeers.output.contains("block 0, rejoining"), "\(fromPeers)")
      #expect(fromPeers.output.contains("validator_key from the damaged volume"))
      #expect(try await fixture.goud("volume", "repair", "node7", "--yes").status == 10)
      #expect(try await fixture.goud("volume", "repair", "../x", "--yes").status == 64)
    }
  }
}
