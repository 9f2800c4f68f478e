import Foundation
import GoudCore
import TestSupport
import Testing

@Suite struct ScheduleVerbTests {
  @Test(arguments: ["--systemd", "--cron"])
  func aScheduleIsInstalledListedAndRemoved(scheduler: String) async throws {
    try await Fixture.with { fixture in
      let root = "\(fixture.root)/system"
      for directory in ["/etc/systemd/system", "/etc/cron.d"] {
        try FileManager.default.createDirectory(atPath: root + directory, withIntermediateDirectories: true)
      }
      let installed = try await fixture.goud("schedule", "install", scheduler, "--env", "gcp", "--root", root)
      #expect(installed.status == 0, "\(installed.errors)")
      let list = try await fixture.goud("schedule", "list", "--root", root, "--format", "json")
      #expect(list.output.contains(#""environment" : "gcp""#) && list.output.contains(scheduler.dropFirst(2)))
      let other = try await fixture.goud("schedule", "remove", "--env", "local", "--root", root)
      #expect(other.status == 10)
      let removed = try await fixture.goud("schedule", "remove", "--env", "gcp", "--root", root)
      #expect(removed.status == 0, "\(removed.errors)")
      let left = try await Programs.run("find", [root, "-type", "f"])
      #expect(left.output.isEmpty)
    }
  }

  @Test func printingWritesNothing() async throws {
    try await Fixture.with { fixture in
      let printed = try await fixture.goud(
        "schedule", "install", "--systemd", "--at", "30 4 * * 6", "--print", "--root", fixture.root)
      #expect(printed.status == 0 && printed.output.contains("OnCalendar=Sat *-*-* 04:30:00"))
      #expect(try await Programs.run("find", ["\(fixture.root)", "-name", "goud-chain*"]).output.isEmpty)
    }
  }

  /// 226/NAMESPACE otherwise, at the first run.
  @Test func theDirectoriesThatTheUnitWritesToAreThere() async throws {
    try await Fixture.with { fixture in
      let root = "\(fixture.root)/system"
      try FileManager.default.createDirectory(atPath: "\(root)/etc/systemd/system", withIntermediateDirectories: true)
      let installed = try await fixture.goud("schedule", "install", "--systemd", "--root", root)
      #expect(installed.status == 0, "\(installed.errors)")
      let unit = try String(
        contentsOfFile: "\(root)/etc/systemd/system/goud-chain-backup-local.service", encoding: .utf8)
      let line = try #require(unit.split(separator: "\n").first { $0.hasPrefix("ReadWritePaths=") })
      let paths = line.dropFirst("ReadWritePaths=".count).split(separator: " ")
      #expect(paths.count == 2)
      for path in paths {
        let status = try #require(try FileSystem.status("\(root)\(path)"), "\(path)")
        #expect(status.isDirectory && status.st_mode & 0o777 == 0o700)
      }
    }
  }

  /// Needs root: a program is given away.
  @Test(arguments: ["--systemd", "--cron"]) func rootsTimerRunsNothingThatOthersCanReplace(_ scheduler: String)
    async throws
  {
    try await Fixture.with { fixture in
      let root = "\(fixture.root)/system"
      for directory in [
        "\(root)/etc/systemd/system", "\(root)/etc/cron.d", "\(fixture.root)/bin/deep", "\(fixture.root)/c/base",
      ] {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      }
      let program = "\(fixture.root)/bin/deep/goud"
      try FileManager.default.copyItem(atPath: Programs.built("goud"), toPath: program)
      let shipped = Checkout.path("config")
      try FileManager.default.copyItem(atPath: shipped, toPath: "\(fixture.root)/config")
      let own = try await Programs.run("chmod", ["-R", "go-w", "\(fixture.root)/config", "\(fixture.root)/bin"])
      try #require(own.status == 0, "\(own.errors)")
      func install(_ further: String...) async throws -> Finished {
        try await Programs.run(
          program, ["schedule", "install", scheduler, "--root", root] + further,
          environment: ["GOUD_HOME": fixture.home, "GOUD_CONFIG_DIR": "\(fixture.root)/config"])
      }
      func allow(_ path: String, _ mode: String) async throws {
        try #require(try await Programs.run("chmod", [mode, "\(fixture.root)/\(path)"]).status == 0)
      }
      for (path, hint) in [
        ("bin", "/usr/local/bin"), ("bin/deep", "/usr/local/bin"), ("bin/deep/goud", "/usr/local/bin"),
        ("config/base", "GOUD_CONFIG_DIR"), ("config/environments/local/overrides.env", "GOUD_CONFIG_DIR"),
      ] {
        try await allow(path, "g+w")
        let refused = try await install()
        #expect(refused.status == 13 && refused.errors.contains("\(fixture.root)/\(path)"), "\(refused.errors)")
        #expect(refused.errors.contains(hint), "\(refused.errors)")
        #expect(try await Programs.run("find", [root, "-type", "f"]).output.isEmpty)
        let printed = try await install("--print")
        #expect(printed.status == 0 && printed.errors.contains("warning: "), "\(printed.errors)")
        try await allow(path, "g-w")
      }
      #expect(try await install().status == 0)
    }
  }

  @Test func aScheduleSignsWithAKeyThatNobodyIsAskedAbout() async throws {
    try await Fixture.with { fixture in
      let (open, closed) = (
        try await MinisignKeys(in: fixture.root, "open"),
        try await MinisignKeys(in: fixture.root, "closed", password: "x")
      )
      let install = ["schedule", "install", "--systemd", "--print", "--sign"]
      let relative = try await fixture.goud(install + ["open.key"])
      #expect(relative.status == 0 && relative.output.contains("--sign \(open.secret)"), "\(relative.errors)")
      let asking = try await fixture.goud(install + [closed.secret])
      #expect(asking.status == 13 && asking.errors.contains("--sign-password"), "\(asking.errors)")
      let nowhere = try await fixture.goud(install + ["missing.key"])
      #expect(nowhere.status != 0 && nowhere.output.isEmpty)
    }
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    try await Fixture.with { fixture in
      #expect(try await fixture.goud("schedule", "install").status == 64)
      #expect(try await fixture.goud("schedule", "install", "--cron", "--systemd").status == 64)
      #expect(try await fixture.goud("schedule", "install", "--cron", "--at", "daily", "--print").status == 64)
      let nowhere = try await fixture.goud("schedule", "install", "--cron", "--root", "\(fixture.root)/none")
      #expect(nowhere.status == 1 && nowhere.errors.contains("is not there"))
    }
  }

  @Test func aFailedBackupShowsInTheCheckAndAGoodOneEndsIt() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume()
      let failed = try await fixture.goud("backup", "create", environment: ["BACKUP_DIR": "/proc/none"])
      #expect(failed.status != 0)
      let check = try await fixture.goud("volume", "check")
      #expect(check.status == 20 && check.output.contains("backup-runs"), "\(check.output)")
      #expect(try await fixture.goud("backup", "create").status == 0)
      let after = try await fixture.goud("volume", "check", "--format", "json")
      #expect(
        after.output.contains("backup-runs") && !after.output.contains(#""level" : "warning""#), "\(after.output)")
    }
  }
}
