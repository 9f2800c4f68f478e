import Foundation
import GoudCore
import TestSupport
import Testing

/// The network as its operator has it: `goud network …`, real processes, real ports.
@Suite(.serialized) struct NetworkTests {
  @Test func aNetworkStartsAnswersAndStops() async throws {
    try await NetworkFixture.with { network in
      let status = try await network.status()
      #expect(status.condition == "healthy" && status.nodes.map(\.name) == ["node1", "node2", "node3"])
      #expect(status.nodes.map { $0.health?.role } == ["authority", "follower", "follower"])
      let load = try await network.underLoad(seconds: 2)
      #expect(load.acknowledged > 0)
      try await network.nothingIsLost()
      let metrics = try await network.get("\(network.manager)/api/metrics")
      let json = try #require(
        try JSONSerialization.jsonObject(with: Data(metrics.body.utf8)) as? [String: Any])
      let volume = try #require(json["volume_metrics"] as? [String: Any])
      #expect(volume["rocksdb_present"] as? Bool == true && volume["disk_used_bytes"] as? Int ?? 0 > 0)
      #expect((json["nodes"] as? [String: Any])?.count == 3)
      let page = try await network.get("\(network.manager)/api/metrics/prometheus").body
      for node in network.nodes { #expect(page.contains("goud_volume_sst_files{node=\"\(node)\"} ")) }
      #expect(try await network.get("\(network.manager)/health").status == 200)
      #expect(try await network.goud("network", "stop").status == 0)
      #expect(try await network.processes().isEmpty)
      #expect(try await network.status().condition == "stopped")
      let logs = try await network.goud("network", "logs", "node1", "-n", "2")
      #expect(logs.output.split(separator: "\n").count == 2)
    }
  }

  @Test func anythingThatIsKilledComesBackAndNothingIsLost() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 20) {
        try await Task.sleep(for: .seconds(1))
        for name in ["node1", "node2"] {
          let before = try #require(try await network.status().node(name).pid)
          kill(before, SIGKILL)
          try await network.waitUntil("\(name) to be back") { status in
            let node = try status.node(name)
            return status.condition == "healthy" && node.pid != before
          }
        }
        for node in try await network.status().nodes { kill(try #require(node.pid), SIGKILL) }
        try await network.waitUntil("all to be back") { status in status.condition == "healthy" }
      }
      try await network.nothingIsLost()
    }
  }

  @Test func aVolumeThatIsDestroyedComesBackFromThePeers() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 15) {
        for name in ["node3", "node1"] {
          try await Task.sleep(for: .seconds(1))
          // With the node running: it notices by itself that its volume is gone.
          let before = try #require(try await network.status().node(name).pid)
          try FileManager.default.removeItem(atPath: network.volume(name))
          try await network.waitUntil("\(name) to be back") { status in
            let node = try status.node(name)
            return status.condition == "healthy" && node.pid != before
          }
        }
      }
      try await network.nothingIsLost()
    }
  }

  @Test func theManagerMayBeKilledWithoutTheNodesNoticing() async throws {
    try await NetworkFixture.with { network in
      let before = try await network.status()
      let pids = before.nodes.map(\.pid)
      kill(try #require(before.managerPid), SIGKILL)
      try await network.waitUntil("the manager to be gone") { $0.managerPid == nil }
      #expect(try await network.get("\(network.urls[0])/health").status == 200)
      try await network.start()
      let after = try await network.status()
      #expect(after.managerPid != before.managerPid && after.nodes.map(\.pid) == pids)
      // And once more without a manager: what it left is stopped all the same.
      kill(try #require(after.managerPid), SIGKILL)
      try await network.waitUntil("the manager to be gone") { $0.managerPid == nil }
      #expect(try await network.goud("network", "stop").status == 0)
      #expect(try await network.processes().isEmpty)
    }
  }

  @Test func arestartOfAllIsOneNodeAtATimeWithTheNetworkWritable() async throws {
    try await NetworkFixture.with { network in
      let before = try await network.status()
      let load = try await network.underLoad(seconds: 25) {
        let restarted = try await network.goud("network", "restart", "--rolling", "--wait", "120")
        #expect(restarted.status == 0, "\(restarted.output) \(restarted.errors)")
        let order = restarted.errors.split(separator: "\n").filter { $0.hasPrefix("restarted ") }.map {
          $0.dropFirst(10)
        }
        #expect(order == ["node3", "node2", "node1"], "the authority last")
      }
      let after = try await network.status()
      for (old, new) in zip(before.nodes, after.nodes) { #expect(old.pid != new.pid && new.restarts == 0) }
      #expect(after.managerPid == before.managerPid && after.instance != before.instance, "renewed in its place")
      #expect(load.acknowledged > 0 && load.longestGap < 15, "\(load)")
      try await network.nothingIsLost()

      // One that is not healthy is left as it is: a second one less would end its writes.
      #expect(try await network.goud("network", "stop", "node2").status == 0)
      let now = try await network.status()
      let refused = try await network.goud("network", "restart", "--format", "json")
      #expect(refused.status == 1 && refused.errors.contains("network.start-failed"), "\(refused.errors)")
      #expect(try await network.status().nodes.map(\.pid) == now.nodes.map(\.pid))
      #expect(try await network.goud("network", "start", "node2", "--wait", "240").status == 0)
      // One alone.
      let pids = try await network.status().nodes.map(\.pid)
      #expect(try await network.goud("network", "restart", "node3").status == 0)
      let last = try await network.status()
      #expect(last.nodes[0].pid == pids[0] && last.nodes[2].pid != pids[2])
    }
  }

  @Test func oneNodeIsStoppedAndStartedAlone() async throws {
    try await NetworkFixture.with { network in
      #expect(try await network.goud("network", "stop", "node2").status == 0)
      let status = try await network.status()
      #expect(try status.node("node2").state == "stopped" && status.condition == "degraded")
      try await network.underLoad(seconds: 1)
      #expect(try await network.goud("network", "start", "node2", "--wait", "240").status == 0)
      try await network.nothingIsLost()
    }
  }

  @Test func withoutAMajorityWritesAreRefusedWithAReasonAndReadsGoOn() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 1)
      for name in ["node2", "node3"] { _ = try await network.goud("network", "stop", name) }
      try await network.waitUntil("the authority to notice") { status in
        let health = try status.node("node1").health
        return health?.status == "degraded" && health?.reason?.contains("node2") == true
      }
      let answer = try await Programs.run(
        "curl", ["-sS", "-m", "20", "-X", "POST", "-w", "\n%{http_code}", "\(network.urls[0])/account/create"])
      #expect(answer.output.hasSuffix("\n503") && answer.output.contains("node.no-majority"))
      #expect(try await network.get("\(network.urls[0])/chain").status == 200)
    }
  }

  @Test func aPortInUseIsNamedWithItsOwnerAndNothingStarts() async throws {
    try await NetworkFixture.with(started: false) { network in
      let port = network.ports.peer + 1
      let held = "\(network.fixture.root)/held"
      let script = """
        import socket, sys, time
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", \(port))); s.listen(); open("\(held)", "w").write("up"); time.sleep(600)
        """
      try await Programs.running("/bin/sh", ["-c", "exec python3 -c \"$1\"", "sh", script]) { _ in
        try await TestSupport.waitUntil("the port to be held") { (try FileSystem.status(held)?.st_size ?? 0) > 0 }
        let finished = try await network.goud("network", "start")
        #expect(finished.status == 13 && finished.errors.contains("port \(port) is in use by process"), "\(finished)")
        #expect(finished.errors.contains("python"))
        #expect(try await network.processes().isEmpty)
      }
    }
  }

  @Test func aSecondNetworkInTheSameHomeIsRefused() async throws {
    try await NetworkFixture.with { network in
      let pids = try await network.status().nodes.map(\.pid)
      let again = try await network.goud("network", "start")
      #expect(again.status == 0)
      var other = network.environment
      other["MANAGER_PORT"] = "\(network.ports.manager + 100)"
      let finished = try await network.fixture.goud(["network", "start"], environment: other)
      #expect(finished.status == 11 && finished.errors.contains("network.running") == false)
      #expect(finished.errors.contains("goud network stop"))
      #expect(try await network.status().nodes.map(\.pid) == pids)
    }
  }

  @Test func aFoundingThatIsKilledAtAnyMomentIsFinishedByTheNextStart() async throws {
    try await NetworkFixture.with(started: false) { network in
      var environment = network.environment
      for point in 1... {
        environment["GOUD_KILL_AT"] = "\(point)"
        let finished = try await network.fixture.goud(["network", "start", "--wait", "0"], environment: environment)
        // The manager inherits the setting: where the founding is over, it is its turn.
        if finished.status != 137 && finished.status != -9 { break }
        #expect(point < 50)
      }
      _ = try await network.goud("network", "stop")
      try await network.start()
      try await network.underLoad(seconds: 1)
      try await network.nothingIsLost()
    }
  }

  @Test func unknownNodesAreRefused() async throws {
    try await NetworkFixture.with(started: false) { network in
      for verb in ["start", "stop", "logs"] {
        let finished = try await network.goud("network", verb, "node9")
        #expect(finished.status == 10 && finished.errors.contains("node1, node2, node3"), "\(verb): \(finished)")
      }
    }
  }
}
