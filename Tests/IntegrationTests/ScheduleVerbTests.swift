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
