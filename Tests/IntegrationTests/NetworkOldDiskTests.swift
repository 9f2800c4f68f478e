import Foundation
import GoudCore
import TestSupport
import Testing

/// Disks that go back in time under real nodes: what was acknowledged since is on other disks, and is not forgotten.
@Suite(.serialized) struct NetworkOldDiskTests {
  /// What goes back. Beside the whole volume: its database under the standing of today; and with the volume what is
  /// known of it, so that only the other nodes can tell.
  enum Part: CaseIterable { case volume, database, volumeAndProgress }

  /// Node1 and node2 acknowledge, node1's disk goes back, and it comes up with node3, which knows nothing of it.
  @Test(arguments: Part.allCases) func theAuthorityWaitsForWhoHasWhatItsOldDiskLacks(_ part: Part) async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 1)
      let copy = try await copyAtRest("node1", network)
      try await network.run("network", "stop", "node3")
      let load = try await network.underLoad(seconds: 2)
      #expect(load.acknowledged > 0)
      for node in ["node2", "node1"] { try await network.run("network", "stop", node) }
      try putBack(part, of: "node1", from: copy, network)
      for node in ["node3", "node1"] { try await network.start(node) }
      try await network.waitUntil("node1 to know that it has forgotten something") {
        try $0.node("node1").health.map { $0.standing == "rejoining" && $0.reason?.contains("old copy") == true }
          ?? false
      }
      let between = try await network.underLoad(seconds: 3)
      #expect(between.acknowledged == 0, "acknowledged in place of what is missing")
      try await network.run("network", "start", "node2")
      try await network.waitUntil("the network to be healthy") { $0.condition == "healthy" }
      try await network.nothingIsLost()
    }
  }

  /// In a network of two, both disks one after the other: the follower's under its node, which runs, and the authority's
  /// with what is known of it.
  @Test func bothDisksOfTwoOneAfterTheOther() async throws {
    try await NetworkFixture.with(nodes: 2) { network in
      for node in ["node2", "node1"] {
        let copy = try await copyAtRest(node, network)
        try await network.underLoad(seconds: 2)
        let before = try await network.status().node(node).pid
        if node == "node1" { try await network.run("network", "stop", node) }
        try putBack(node == "node1" ? .volumeAndProgress : .database, of: node, from: copy, network)
        if node == "node1" { try await network.start(node) }
        try await network.waitUntil("\(node) to be another process") {
          try $0.node(node).pid.map { $0 != before } ?? false
        }
        try await network.waitUntil("the network to be healthy") { $0.condition == "healthy" }
        try await network.nothingIsLost()
        let log = try String(contentsOfFile: "\(network.home)/logs/\(node).log", encoding: .utf8)
        #expect(log.contains("went back in time"))
      }
    }
  }

  /// A node alone cannot be filled by anybody: it says so, and goes on with its newest volume, once that is back.
  @Test func aNodeAloneAsksForItsNewestVolume() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      try await network.underLoad(seconds: 1)
      let copy = try await copyAtRest("node1", network)
      try await network.underLoad(seconds: 1)
      try await network.run("network", "stop")
      let newest = "\(network.fixture.root)/newest"
      try FileManager.default.moveItem(atPath: network.volume("node1"), toPath: newest)
      try FileManager.default.copyItem(atPath: copy, toPath: network.volume("node1"))
      _ = try await network.goud("network", "start", "--wait", "0")
      try await network.waitUntil("node1 to know that it has forgotten something") {
        try $0.node("node1").health?.reason?.contains("old copy") ?? false
      }
      #expect(try await network.underLoad(seconds: 1).acknowledged == 0)
      try await network.run("network", "stop")
      try FileManager.default.removeItem(atPath: network.volume("node1"))
      try FileManager.default.moveItem(atPath: newest, toPath: network.volume("node1"))
      try await network.start()
      try await network.nothingIsLost()
    }
  }

  /// What operators do on purpose is no disk that went back in time: the network goes on at once, without anybody's word.
  @Test func restoresAndTheirRollbackGoOn() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 1)
      let backups = "\(network.fixture.root)/backups"
      try await network.run("backup", "create", "-d", backups)
      let archive = try #require(
        try FileManager.default.contentsOfDirectory(atPath: backups).first { $0.hasSuffix(".tar.gz") })
      try await network.underLoad(seconds: 1)
      for arguments in [["--yes", "\(backups)/\(archive)"], ["--rollback", "--yes"]] {
        // A restore stops its nodes; going back is for when they are.
        if arguments.contains("--rollback") { try await network.run("network", "stop") }
        let finished = try await network.fixture.goud(["restore"] + arguments, environment: network.environment)
        try #require(finished.status == 0, "\(finished.errors)")
        try await network.start()
        try await network.waitUntil("the network to be healthy after \(arguments)") { $0.isEven }
      }
      try await network.nothingIsLost()
    }
  }

  // MARK: -

  /// Stops a node, copies its volume, and starts it again.
  private func copyAtRest(_ node: String, _ network: NetworkFixture) async throws -> String {
    try await network.run("network", "stop", node)
    let copy = "\(network.fixture.root)/\(node)-before"
    try FileManager.default.copyItem(atPath: network.volume(node), toPath: copy)
    try await network.run("network", "start", node)
    return copy
  }

  private func putBack(_ part: Part, of node: String, from copy: String, _ network: NetworkFixture) throws {
    let below = part == .database ? "/rocksdb" : ""
    // At once, for a node that runs.
    try FileManager.default.copyItem(atPath: copy + below, toPath: "\(copy)-again")
    try FileManager.default.moveItem(atPath: network.volume(node) + below, toPath: "\(copy)-newer")
    try FileManager.default.moveItem(atPath: "\(copy)-again", toPath: network.volume(node) + below)
    if part == .volumeAndProgress { try FileManager.default.removeItem(atPath: network.progress(node)) }
  }
}
