import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What outlives the command that started it: as whom, and with what.
@Suite(.serialized) struct NetworkProcessTests {
  private static let secrets = [
    "AWS_SECRET_ACCESS_KEY": "canary-cloud", "RCLONE_CONFIG_X_PASS": "canary-store", "SOME_PASSWORD": "canary-any",
    "JWT_SECRET": "canary-tokens-0123456789abcdef0123", "SESSION_SECRET": "canary-sessions-0123456789abcdef01",
  ]

  /// `/proc/PID/status`, by field.
  static func status(_ pid: pid_t) throws -> [String: String] {
    let text = String(decoding: try Descriptor.open("/proc/\(pid)/status", O_RDONLY).readAll(), as: UTF8.self)
    return Dictionary(
      text.split(separator: "\n").map { line in
        let words = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        return (words[0], words.count > 1 ? words[1] : "")
      }, uniquingKeysWith: { first, _ in first })
  }

  @Test func managerAndNodesHaveNoSecretInTheirEnvironmentAndLeaveNoCore() async throws {
    try await NetworkFixture.with(settings: Self.secrets) { network in
      let seen = try await network.status()
      let all = try [#require(seen.managerPid)] + seen.nodes.map { try #require($0.pid) }
      for pid in all {
        let environment = try Descriptor.open("/proc/\(pid)/environ", O_RDONLY).readAll()
        let text = String(decoding: environment, as: UTF8.self)
        #expect(!text.contains("canary"), "\(text)")
        #expect(text.contains("PATH="))
        let limits = String(decoding: try Descriptor.open("/proc/\(pid)/limits", O_RDONLY).readAll(), as: UTF8.self)
        let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
        #expect(core.split(separator: " ").suffix(3) == ["0", "0", "bytes"], "\(core)")
        #expect(try Self.status(pid)["NoNewPrivs"] == "1")
      }
      // The node has its secrets all the same, also after a start by the manager.
      kill(all[1], SIGKILL)
      try await network.waitUntil("node1 to be back") { status in
        let node = try status.node("node1")
        return status.condition == "healthy" && node.pid != all[1]
      }
      for name in ["jwt_secret", "session_secret"] {
        #expect(try FileSystem.status("\(network.volume("node1"))/\(name)") == nil, "\(name) stands in for nothing")
      }
    }
  }

  /// What of a volume is not this user's, and not this group's.
  private func others(_ network: NetworkFixture, _ user: UInt32) async throws -> String {
    let volumes = network.nodes.flatMap { [network.volume($0), "\(network.home)/network/progress/\($0)"] }
    let found = try await Programs.run(
      "find",
      volumes + ["-ignore_readdir_race", "(", "!", "-user", "\(user)", "-o", "!", "-group", "\(user)", ")", "-print"])
    return found.output + found.errors
  }

  private func expectPowerless(_ network: NetworkFixture, _ user: UInt32) async throws {
    for node in try await network.waitUntil("all to be even", { $0.isEven }).nodes {
      let pid = try #require(node.pid)
      let status = try Self.status(pid)
      for field in ["Uid", "Gid"] {
        #expect(status[field]?.split(separator: "\t").allSatisfy { $0 == "\(user)" } == true, "\(status)")
      }
      for field in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        #expect(UInt64(status[field] ?? "", radix: 16) == 0, "\(field): \(status)")
      }
      #expect(status["Groups"] == "" && status["NoNewPrivs"] == "1", "\(status)")
      // The kernel gives what shows a process's memory to root when nobody else may have it.
      #expect(try FileSystem.status("/proc/\(pid)/environ")?.st_uid == 0)
    }
    let others = try await others(network, user)
    #expect(others == "")
  }

  @Test func rootsNodesAreSomebodyElseAndSoAreTheirVolumes() async throws {
    try await NetworkFixture.with { network in
      try await expectPowerless(network, 10001)
      try await network.underLoad(seconds: 1)
      let made = try await network.goud("backup", "create")
      #expect(made.status == 0, "\(made.errors)")
      let archive = try #require(made.output.split(separator: "\n").first.map(String.init))

      // What a restore and a repair leave is theirs again.
      let restored = try await network.goud("restore", archive, "--yes", "--volume", "node2")
      #expect(restored.status == 0, "\(restored.errors)")
      try await expectPowerless(network, 10001)
      let repaired = try await network.goud("volume", "repair", "node3", "--from", "peers", "--yes")
      #expect(repaired.status == 0, "\(repaired.errors)")
      try await expectPowerless(network, 10001)

      // So is a volume that is gone under its node, and one of before there was a user for nodes.
      let before = try await network.status().node("node3").pid
      try FileManager.default.removeItem(atPath: network.volume("node3"))
      try await network.waitUntil("node3 to be filled anew") {
        $0.isEven && $0.nodes[2].pid != before && $0.nodes[2].health?.standing == "member"
      }
      try await expectPowerless(network, 10001)
      #expect(try await network.goud("network", "stop").status == 0)
      for node in network.nodes {
        let given = try await Programs.run(
          "chown", ["-R", "0:0", network.volume(node), "\(network.home)/network/progress"])
        #expect(given.status == 0, "\(given.errors)")
      }
      for directory in ["", "/volumes", "/logs", "/network", "/network/progress"].map({ network.home + $0 }) {
        #expect(try await Programs.run("chmod", ["0700", directory]).status == 0)
      }
      try await network.start()
      try await expectPowerless(network, 10001)
      try await network.nothingIsLost()
    }
  }

  /// Needs `setpriv`, and a home that another user gets to.
  @Test func abackupByAnotherUserSaysWhatHeMayNotRead() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      for path in [network.fixture.root, network.fixture.home] {
        #expect(try await Programs.run("chmod", ["a+x", path]).status == 0)
      }
      let own = "\(network.fixture.root)/own"
      try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
      #expect(try await Programs.run("chown", ["65534:65534", own]).status == 0)
      let refused = try await Programs.run(
        "setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups", Programs.built("goud"), "backup", "create", "-d", own],
        environment: network.fixture.surroundings.merging(network.environment) { $1 }, in: own)
      #expect(refused.status == 1 && refused.errors.contains(network.home), "\(refused.errors)")
      #expect(refused.errors.contains("ermission"), "\(refused.errors)")
    }
  }

  @Test func rootIsRefusedUnlessItInsistsAndNamesAreFound() async throws {
    try await NetworkFixture.with(nodes: 1, started: false) { network in
      func start(_ user: String, _ further: String...) async throws -> Finished {
        try await network.fixture.goud(
          ["network", "start", "--wait", "240", "--format", "json"] + further,
          environment: network.environment.merging(["NODE_USER": user]) { $1 })
      }
      for root in ["root", "0"] {
        let refused = try await start(root)
        #expect(refused.status == 13 && refused.errors.contains("network.root-refused"), "\(refused.errors)")
      }
      let unknown = try await start("no-such-user")
      #expect(unknown.status == 1 && unknown.errors.contains("NODE_USER"), "\(unknown.errors)")
      #expect(try FileSystem.status("\(network.home)/network") == nil, "nothing is founded")

      #expect(try await start("nobody").status == 0)
      try await expectPowerless(network, 65534)
      #expect(try await network.goud("network", "stop").status == 0)
      #expect(try await start("root", "--allow-root").status == 0)
      let pid = try #require(try await network.status().nodes[0].pid)
      #expect(try Self.status(pid)["Uid"]?.hasPrefix("0") == true)
    }
  }
}
