import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

@Suite struct ScheduleTests {
  @Test(arguments: [
    ("0 2 * * *", "*-*-* 02:00:00"), ("*/15 * * * *", "*-*-* *:00,15,30,45:00"), ("30 1,13 * * *", "*-*-* 01,13:30:00"),
    ("5 4 1 1-3 *", "*-01,02,03-01 04:05:00"), ("0 3 * * 1-5", "Mon,Tue,Wed,Thu,Fri *-*-* 03:00:00"),
    ("0 0 * * 0,7", "Sun *-*-* 00:00:00"),
  ])
  func cronAndSystemdMeanTheSame(cron: String, calendar: String) throws {
    let time = try CronTime(cron)
    #expect(time.description == cron && time.calendar == calendar)
  }

  @Test(arguments: [
    "", "0 2 * *", "0 2 * * * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8", "a 2 * * *",
    "*/0 2 * * *",
    "5-1 2 * * *", "1,,2 2 * * *", "-1 2 * * *", "0 2 1 * 1", "@daily", "1- 2 * * *", "*/99 2 * * *",
  ])
  func whatIsNoTimeIsRefused(cron: String) {
    #expect(#expect(throws: GoudError.self) { try CronTime(cron) }?.code == .usage)
  }

  private func schedule(_ program: String = "/opt/goud/goud") throws -> BackupSchedule {
    BackupSchedule(
      environment: "gcp", time: try CronTime("0 2 * * *"), program: program,
      variables: ["GOUD_HOME": "/srv/with space/100%"], writes: ["/srv/with space/100%/gcp", "/srv/backups"])
  }

  @Test func theLineOfCronIsTheGuides() throws {
    let file = try schedule().files(.cron)[0]
    #expect(file.path == "/etc/cron.d/goud-chain-backup-gcp")
    #expect(file.content.contains("\n0 2 * * * root /opt/goud/goud backup create --env gcp --progress none\n"))
  }

  /// cron hands everything after the time and the user to a shell, with `\%` for `%`.
  @Test func whatCronRunsIsOneCommandWhateverItsName() async throws {
    try await withTemporaryDirectory { root in
      let program = "\(root)/it's 5% $HOME; goud"
      try AtomicFile.write(Array("#!/bin/sh\necho \"$0|$*\"\n".utf8), to: program, mode: 0o755)
      let content = try schedule(program).files(.cron)[0].content
      let line = try #require(content.split(separator: "\n").last)
      let command = line.dropFirst("0 2 * * * root ".count).replacingOccurrences(of: "\\%", with: "%")
      let ran = try await Programs.run("sh", ["-c", command])
      #expect(ran.output == "\(program)|backup create --env gcp --progress none\n", "\(command) \(ran.errors)")
    }
  }

  @Test func systemdFindsNothingWrongWithTheUnits() async throws {
    try await withTemporaryDirectory { root in
      let program = "\(root)/a goud"
      try AtomicFile.write(Array("#!/bin/sh\n".utf8), to: program, mode: 0o755)
      var paths: [String] = []
      for file in try schedule(program).files(.systemd) {
        paths.append("\(root)/\(FileSystem.name(of: file.path))")
        try AtomicFile.write(Array(file.content.utf8), to: paths.last!, mode: 0o644)
      }
      let verified = try await Programs.run("systemd-analyze", ["verify", "--man=no"] + paths)
      #expect(verified.status == 0 && verified.errors.isEmpty && verified.output.isEmpty, "\(verified)")
      let timer = try String(contentsOfFile: paths[1], encoding: .utf8)
      #expect(timer.contains("\nOnCalendar=*-*-* 02:00:00\nPersistent=true\n"))
      let exposure = try await Programs.run(
        "systemd-analyze", ["security", "--offline=true", "--threshold=50", paths[0]])
      #expect(exposure.status == 0, "\(exposure.output.split(separator: "\n").last ?? "")")
    }
  }
}
