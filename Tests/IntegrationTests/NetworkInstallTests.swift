import Foundation
import GoudCore
import TestSupport
import Testing

/// `goud network install`: the manager's unit, and what it says done by hand, since systemd does not run here.
@Suite(.serialized) struct NetworkInstallTests {
  /// `KEY=value` lines of a unit, in their order.
  private func lines(_ unit: String, _ key: String) -> [String] {
    unit.split(separator: "\n").filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
  }

  @Test(arguments: ["process", "docker"]) func systemdTakesTheUnitWithoutAWordAndRatesItSafe(_ runtime: String)
    async throws
  {
    try await Fixture.with { fixture in
      let root = "\(fixture.root)/system"
      try FileManager.default.createDirectory(atPath: "\(root)/etc/systemd/system", withIntermediateDirectories: true)
      let home = "\(fixture.root)/a home of 100%"
      let secrets = ["AWS_SECRET_ACCESS_KEY": "canary", "JWT_SECRET": "canary-0123456789abcdef0123456789abcdef"]
      let settings = secrets.merging(["GOUD_HOME": home, "NODES": "a b", "RUNTIME": runtime]) { $1 }
      let installed = try await fixture.goud("network", "install", "--systemd", "--root", root, environment: settings)
      try #require(installed.status == 0, "\(installed.errors)")
      let path = "\(root)/etc/systemd/system/goud-network-local.service"
      let unit = try String(contentsOfFile: path, encoding: .utf8)
      let verified = try await Programs.run("systemd-analyze", ["verify", "--man=no", path])
      #expect(verified.status == 0 && verified.errors.isEmpty && verified.output.isEmpty, "\(verified)")
      let exposure = try await Programs.run("systemd-analyze", ["security", "--offline=true", "--threshold=50", path])
      #expect(exposure.status == 0, "\(exposure.output.split(separator: "\n").last ?? "")")
      #expect(!unit.contains("canary"), "no secret")
      #expect(lines(unit, "User") == (runtime == "process" ? ["goud"] : []))
      #expect(lines(unit, "Restart") == ["on-failure"] && lines(unit, "WantedBy") == ["multi-user.target"])
      #expect(lines(unit, "Environment").contains("\"NODES=a b\""), "what stands in no file is in the unit")
      #expect(lines(unit, "Environment").contains("\"GOUD_HOME=\(home)%\""), "\(unit)")
      #expect(!unit.contains("BACKUP_RETENTION_DAYS"), "defaults and what files say are not")
      let sysusers = try? String(contentsOfFile: "\(root)/etc/sysusers.d/goud.conf", encoding: .utf8)
      #expect((sysusers != nil) == (runtime == "process"))
      let printed = try await fixture.goud(
        "network", "install", "--systemd", "--print", "--root", "\(fixture.root)/none", environment: settings)
      #expect(printed.status == 0 && printed.output.hasSuffix(unit), "\(printed.errors)")
      #expect(try FileSystem.status("\(fixture.root)/none") == nil)
      let removed = try await fixture.goud("network", "uninstall", "--root", root, environment: settings)
      #expect(removed.status == 0, "\(removed.errors)")
      #expect(try FileSystem.status(path) == nil)
      #expect(try await fixture.goud("network", "uninstall", "--root", root, environment: settings).status == 10)
    }
  }

  @Test func whatSystemdsUserWrotePassesForTheTool() async throws {
    try await Fixture.with { fixture in
      let printed = try await fixture.goud("network", "install", "--systemd", "--print")
      let entry = try #require(printed.output.split(separator: "\n").first { $0.hasPrefix("u goud ") })
      try AtomicFile.write(Array("\(entry)\n".utf8), to: "\(fixture.root)/goud.conf", mode: 0o644)
      try FileManager.default.createDirectory(atPath: "\(fixture.root)/machine/etc", withIntermediateDirectories: true)
      let made = try await Programs.run(
        "systemd-sysusers", ["--root", "\(fixture.root)/machine", "\(fixture.root)/goud.conf"])
      #expect(made.status == 0, "\(made.errors)")
      let users = try String(contentsOfFile: "\(fixture.root)/machine/etc/passwd", encoding: .utf8)
      #expect(users.contains("goud:x:10001:10001:"), "\(users)")
    }
  }

  /// Needs root: a program is given away.
  @Test func whatOthersCanReplaceAndWhatDoesNotFitIsRefused() async throws {
    try await Fixture.with { fixture in
      #expect(try await fixture.goud("network", "install").status == 64)
      #expect(try await fixture.goud("network", "install", "--systemd", "--user", "root").status == 64)
      #expect(try await fixture.goud("network", "install", "--systemd", "--user", "a b", "--print").status == 64)
      let root = "\(fixture.root)/system"
      for directory in ["\(root)/etc/systemd/system", "\(fixture.root)/bin"] {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      }
      let program = "\(fixture.root)/bin/goud"
      try FileManager.default.copyItem(atPath: Programs.built("goud"), toPath: program)
      try #require(try await Programs.run("chown", ["65534", program]).status == 0)
      let refused = try await Programs.run(
        program, ["network", "install", "--systemd", "--root", root], environment: fixture.surroundings)
      #expect(refused.status == 13 && refused.errors.contains(program), "\(refused.errors)")
      #expect(try await Programs.run("find", [root, "-type", "f"]).output.isEmpty)
    }
  }

  /// Needs root and `setpriv`. The commands of the unit, run as it says: a network of another's is founded, goes on when
  /// its manager is killed, is backed up and repaired by root, and stops.
  @Test func theUnitsCommandsRunTheNetworkAsItsUser() async throws {
    try await NetworkFixture.with(started: false) { network in
      for path in [network.fixture.root, network.fixture.home] {
        #expect(try await Programs.run("chmod", ["a+x", path]).status == 0)
      }
      let printed = try await network.goud("network", "install", "--systemd", "--user", "nobody", "--print")
      try #require(printed.status == 0, "\(printed.errors)")
      let unit = printed.output
      let variables = lines(unit, "Environment").map { $0.dropFirst().dropLast() }.map(String.init)
      func run(_ command: String, as user: String?) async throws -> Finished {
        let power = user.map { "setpriv --reuid=\($0) --regid=65534 --clear-groups --bounding-set=-all --no-new-privs" }
        let script = "exec env -i PATH=\"$PATH\" \"$@\" \(power ?? "") \(command)"
        return try await Programs.run("/bin/sh", ["-c", script, "sh"] + variables, in: "/")
      }
      for command in lines(unit, "ExecStartPre") {
        let made = try await run(String(command.dropFirst()), as: nil)
        try #require(made.status == 0, "\(command): \(made.errors)")
      }
      func begin() async throws {
        let log = "\(network.fixture.root)/unit.log"
        let begun = try await run("\(lines(unit, "ExecStart")[0]) >>\(log) 2>&1 & echo", as: "nobody")
        try #require(begun.status == 0, "\(begun.errors)")
        try await network.waitUntil("all to be even") { $0.isEven && $0.managerPid != nil }
      }
      try #require(try await Programs.run("touch", ["\(network.fixture.root)/unit.log"]).status == 0)
      try await begin()
      let before = try await network.status()
      for pid in before.nodes.compactMap(\.pid) + [try #require(before.managerPid)] {
        #expect(try NetworkProcessTests.status(pid)["Uid"]?.hasPrefix("65534") == true)
      }
      try await network.underLoad(seconds: 1)
      kill(try #require(before.managerPid), SIGKILL)
      try await network.waitUntil("the manager to be gone") { $0.managerPid == nil }
      try await begin()
      #expect(try await network.status().nodes.map(\.pid) == before.nodes.map(\.pid))

      // What root does in between is the user's again.
      #expect(try await network.goud("backup", "create").status == 0)
      let metrics = try await network.get("\(network.manager)/api/metrics/prometheus").body
      #expect(metrics.contains("goud_backup_last_run_success 1"), "the manager sees root's backup")
      let repaired = try await network.goud("volume", "repair", "node2", "--from", "peers", "--yes")
      #expect(repaired.status == 0, "\(repaired.errors)")
      try await network.nothingIsLost()
      let ended = try await run(lines(unit, "ExecStop")[0], as: "nobody")
      #expect(ended.status == 0, "\(ended.errors)")
      #expect(try await network.processes().isEmpty)
    }
  }
}
