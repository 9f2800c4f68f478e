import Foundation
import GoudCore
import TestSupport
import Testing

/// Backups and restores of a running network, and the guide's scenarios.
@Suite(.serialized) struct NetworkBackupTests {
  /// The archive of a backup of the running network.
  private func backUp(_ network: NetworkFixture) async throws -> String {
    let finished = try await network.goud("backup", "create", "--format", "json")
    try #require(finished.status == 0, "\(finished.errors)")
    let result = try JSONSerialization.jsonObject(with: Data(finished.output.utf8)) as? [String: Any]
    return try #require(result?["archive"] as? String)
  }

  private func length(_ network: NetworkFixture) async throws -> UInt64 {
    try await network.waitUntil("all to be even") { $0.isEven }.nodes[0].health?.chainLength ?? 0
  }

  private func restore(_ network: NetworkFixture, _ archive: String, _ further: String...) async throws {
    let finished = try await network.fixture.goud(
      ["restore", "--yes", archive] + further, environment: network.environment)
    try #require(finished.status == 0, "\(finished.output) \(finished.errors)")
  }

  @Test func aBackupUnderLoadRefusesAndDelaysNothingAndProvesItsChain() async throws {
    try await NetworkFixture.with { network in
      let starts = try await network.status().nodes.map(\.pid)
      let load = try await network.underLoad(seconds: 8) {
        try await Task.sleep(for: .seconds(1))
        let archive = try await backUp(network)
        let verified = try await network.goud("backup", "verify", archive, "--level", "chain")
        #expect(verified.status == 0, "\(verified.errors)")
      }
      #expect(load.refused == 0 && load.acknowledged > 0)
      #expect(try await network.status().nodes.map(\.pid) == starts)
      try await network.nothingIsLost()
    }
  }

  @Test func everyVolumeIsDestroyedAndTheBackupBringsTheNetworkBack() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 2)
      let before = try await length(network)
      let archive = try await backUp(network)
      #expect(try await network.goud("network", "stop").status == 0)
      for node in network.nodes { try FileManager.default.removeItem(atPath: network.volume(node)) }
      let refused = try await network.goud("network", "start")
      #expect(refused.status == 13 && refused.errors.contains("goud restore"))
      try await restore(network, archive)
      try await network.start()
      #expect(try await length(network) >= before)
      try await network.nothingIsLost()
      try await network.underLoad(seconds: 1)
      try await network.nothingIsLost()
    }
  }

  @Test func aNewMachineStartsFromTheBackupAlone() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 2)
      let archive = try await backUp(network)
      let chain = try await network.status().chain
      #expect(try await network.goud("network", "stop").status == 0)
      try FileManager.default.removeItem(atPath: network.home)
      try await restore(network, archive)
      try await network.start()
      #expect(try await network.status().chain == chain)
      try await network.nothingIsLost()
    }
  }

  @Test func theAuthorityRestoredFromAnOldBackupForksNothing() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 2)
      let archive = try await backUp(network)
      try await network.underLoad(seconds: 2)
      let before = try await length(network)
      try await restore(network, archive, "--volume", "node1")
      try await network.waitUntil("the authority to have rejoined") { status in
        status.isEven && status.nodes[0].health?.standing == "member"
      }
      #expect(try await length(network) >= before)
      try await network.nothingIsLost()
    }
  }

  /// Two of three, the restored authority and the follower that is behind, must not go on without the third.
  @Test func theAuthorityFromAnOldBackupWaitsForTheFollowerThatKnowsMore() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 1)
      let archive = try await backUp(network)
      #expect(try await network.goud("network", "stop", "node2").status == 0)
      try await network.underLoad(seconds: 2)
      #expect(try await network.goud("network", "stop", "node3").status == 0)
      try await restore(network, archive, "--volume", "node1")
      #expect(try await network.goud("network", "start", "node2", "--wait", "3").status == 1)
      try await network.waitUntil("the authority to say what it waits for") { status in
        status.nodes[0].health?.reason?.contains("node3") == true
      }
      let refused = try await Programs.run(
        "curl", ["-sS", "-X", "POST", "-w", "\n%{http_code}", "\(network.urls[0])/account/create"])
      #expect(refused.output.hasSuffix("\n503"))
      #expect(try await network.goud("network", "start", "--wait", "240").status == 0)
      try await network.nothingIsLost()
    }
  }

  @Test func theChainGoesBackToAHeight() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 2)
      let archive = try await backUp(network)
      try await restore(network, archive, "--height", "5")
      let status = try await network.waitUntil("all to be even") { $0.isEven }
      let block = try await network.get("\(network.urls[2])/chain?from=5&limit=1")
      #expect(block.status == 200 && status.condition == "healthy")
      // Above it, a new epoch has begun with an empty block.
      let next = try await network.get("\(network.urls[2])/chain?from=6&limit=1")
      #expect(next.body.contains(#""entries":[]"#), "\(next.body)")
      let tooHigh = try await network.fixture.goud(
        ["restore", "--yes", archive, "--height", "99999999"], environment: network.environment)
      #expect(tooHigh.status == 64)
    }
  }

  @Test func aDamagedNodeSaysSoAndIsRepairedFromItsPeers() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 3)
      #expect(try await network.goud("network", "stop", "node2").status == 0)
      let manifest = try #require(
        try FileSystem.names(in: "\(network.volume("node2"))/rocksdb").first { $0.hasPrefix("MANIFEST-") })
      let path = "\(network.volume("node2"))/rocksdb/\(manifest)"
      let file = try Descriptor.open(path, O_RDWR)
      #expect(pwrite(file.fd, "damage", 6, 20) == 6)
      let check = try await network.goud("volume", "check", "node2")
      #expect(check.status == 21, "\(check.output)")
      _ = try await network.goud("network", "start", "node2", "--wait", "1")
      let status = try await network.waitUntil("node2 to say what is wrong") { status in
        try status.node("node2").health?.status == "corrupt"
      }
      let node = try status.node("node2")
      #expect(node.health?.reason?.isEmpty == false && node.restarts == 0)
      #expect(try await network.get("\(network.urls[1])/health").status == 503)
      try await network.underLoad(seconds: 1)
      let repair = try await network.goud("volume", "repair", "node2", "--from", "peers", "--yes")
      #expect(repair.status == 0, "\(repair.output) \(repair.errors)")
      try await network.nothingIsLost()
      let kept = try FileSystem.names(in: "\(network.home)/volumes").filter { $0.hasPrefix(".node2_data.replaced-") }
      #expect(kept.count == 1)
    }
  }
}
