import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// `goud volume list | inspect | check` and `goud config show`, as the real binary.
@Suite struct VolumeVerbTests {
  private func json(_ finished: Finished) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(finished.output.utf8)) as? [String: Any])
  }

  @Test func anEmptyHomeIsNoError() async throws {
    try await Fixture.with { fixture in
      let table = try await fixture.goud("volume", "list")
      #expect(table.status == 0 && table.output == "" && table.errors.contains("no volumes"))
      let json = try await fixture.goud("volume", "list", "--format", "json")
      #expect(json.status == 0 && json.output.filter { !$0.isWhitespace } == "[]")
      #expect(try await fixture.goud("volume", "check").status == 0)
    }
  }

  @Test func theListShowsEachVolumeOnOneLine() async throws {
    try await Fixture.with { fixture in
      let path = try await fixture.makeVolume()
      try await fixture.makeVolume("new\nline\u{1b}[31m", operations: 10)
      let lines = try await fixture.goud("volume", "list").output.split(separator: "\n")
      #expect(lines.count == 3 && lines[1].hasPrefix("new\\nline\\u{1B}[31m"), "control characters are escaped")
      #expect(lines[2].split(separator: " ").first == "node1_data" && lines[2].hasSuffix(path))
    }
  }

  @Test func aRunningNodeIsInspected() async throws {
    try await Fixture.with { fixture in
      let volume = "\(fixture.volumes)/node1_data"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let oracle = try Oracle(path: "\(fixture.root)/oracle")
      let arguments = ["\(volume)/rocksdb", "--oracle", "\(fixture.root)/oracle", "--operations", "500", "--hold"]
      try await withWriter(arguments) { writer in
        try await waitUntil("500 operations") { oracle.acknowledged == 500 }
        let seen = try await fixture.goud("volume", "inspect", "node1", "--format", "json")
        #expect(seen.status == 0 && seen.errors == "")
        let database = try #require((try json(seen)["databases"] as? [[String: Any]])?.first)
        #expect((database["openBy"] as? [String: Any])?["pid"] as? Int == Int(writer.pid))
        #expect(try json(seen)["state"] as? String == "open" && database["sequence"] as? Int ?? 0 >= 500)
        #expect(try await fixture.goud("volume", "check").status == 0)
      }
    }
  }

  @Test func aHealthyVolumeIsShownInFullAndNotChanged() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let before = try await fixture.tree(volume)
      let text = try await fixture.goud("volume", "inspect", "node1").output
      for word in ["tables", "sequence", "FAMILY", "LEVEL", "compression", "file system", "last backup", "mode 07"] {
        #expect(text.contains(word), "\(word)")
      }
      #expect(try await fixture.goud("volume", "check").status == 0)
      #expect(try await fixture.tree(volume) == before)
      #expect(try FileSystem.names(in: fixture.volumes) == ["node1_data"])
    }
  }

  @Test func theLastBackupIsShownAndMissedWhereBackupsAreScheduled() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume()
      let scheduled = ["BACKUP_ENABLED": "true"]
      #expect(try await fixture.goud("volume", "check", environment: scheduled).status == 20)
      let archive = try await fixture.backUp()
      #expect(try await fixture.goud("volume", "check", environment: scheduled).status == 0)
      let seen = try json(try await fixture.goud("volume", "inspect", "node1", "--format", "json"))
      #expect((seen["lastBackup"] as? [String: Any])?["archive"] as? String == archive)
    }
  }

  @Test func aDamagedVolumeIsShownAndEndsWithStatus12() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let table = try FileSystem.names(in: "\(volume)/rocksdb").first { $0.hasSuffix(".sst") }!
      try FileManager.default.removeItem(atPath: "\(volume)/rocksdb/\(table)")
      let inspected = try await fixture.goud("volume", "inspect", "node1")
      #expect(inspected.status == 12 && inspected.output.contains("fault") && inspected.errors.contains(table))
      let checked = try await fixture.goud("volume", "check", "--format", "json")
      #expect(try json(checked)["level"] as? String == "critical" && checked.status == 21)
    }
  }

  @Test func theExitStatusIsTheWorstFindings() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      #expect(try await fixture.goud("volume", "check", "node1").status == 0)
      chmod("\(volume)/jwt_secret", 0o640)
      let warned = try await fixture.goud("volume", "check")
      #expect(warned.status == 20 && warned.output.contains("hint: node1_data secrets: chmod 0600"))
      chmod("\(volume)/jwt_secret", 0o644)
      #expect(try await fixture.goud("volume", "check").status == 21)
    }
  }

  @Test(
    arguments: [
      (["missing"], 10, "volume.not-found"), (["./missing"], 10, "volume.not-found"),
      (["./file"], 13, "volume.not-a-directory"), (["./plain"], 13, "volume.no-database"), ([""], 64, "usage.invalid"),
      (["--env", "aws", "x"], 10, "config.unknown-environment"), (["--env", "../x", "x"], 64, "usage.invalid"),
    ] as [([String], Int32, String)])
  func badInputHasItsCodeAndAHint(_ arguments: [String], _ status: Int32, _ code: String) async throws {
    try await Fixture.with { fixture in
      try Data().write(to: URL(fileURLWithPath: "\(fixture.root)/file"))
      try FileManager.default.createDirectory(atPath: "\(fixture.root)/plain", withIntermediateDirectories: true)
      let before = try await fixture.tree(fixture.root)
      for verb in ["inspect", "check"] {
        let finished = try await fixture.goud(["volume", verb, "--format", "json"] + arguments)
        #expect(finished.status == status && finished.output == "", "\(verb): \(finished.errors)")
        let error = try JSONSerialization.jsonObject(with: Data(finished.errors.utf8)) as? [String: Any]
        #expect(error?["code"] as? String == code && error?["hint"] != nil)
      }
      #expect(try await fixture.tree(fixture.root) == before)
    }
  }

  /// The tests run as root, whom nothing is closed to; the binary runs as nobody here.
  @Test func aVolumeThatTheUserMayNotReadIsSaidToBeUnreadable() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      chmod("\(volume)/rocksdb", 0o700)
      chmod(fixture.root, 0o755)
      let binary = "\(fixture.root)/goud"
      try FileManager.default.copyItem(atPath: Programs.built("goud"), toPath: binary)
      func asNobody(_ arguments: String...) async throws -> Finished {
        try await Programs.run(
          "setpriv", ["--reuid", "65534", "--clear-groups", binary] + arguments,
          environment: ["GOUD_HOME": fixture.home],
          in: fixture.root)
      }
      let list = try await asNobody("volume", "list")
      #expect(list.status == 0 && list.output.contains("unreadable"))
      let inspected = try await asNobody("volume", "inspect", "node1", "--format", "json")
      #expect(inspected.status == 1 && inspected.errors.contains("\"io.permission-denied\""))
      #expect(try await asNobody("volume", "check").status == 21)
    }
  }

  @Test func configShowNamesTheOriginOfEveryValue() async throws {
    try await Fixture.with { fixture in
      let arguments = ["config", "show", "--env", "gcp", "--origin", "--format", "json"]
      let finished = try await fixture.goud(arguments, environment: ["BACKUP_RETENTION_DAYS": "90"])
      let values = try #require(try json(finished)["values"] as? [[String: String]])
      let found = Dictionary(uniqueKeysWithValues: values.map { ($0["key"]!, "\($0["value"]!) from \($0["origin"]!)") })
      #expect(found["GOUD_ENVIRONMENT"] == "gcp from flag --env")
      #expect(found["BACKUP_RETENTION_DAYS"] == "90 from environment")
      #expect(found["BACKUP_COMPRESSION"] == "pigz from config/environments/gcp/overrides.env")
      #expect(found["DATA_DIR"] == "/data from config/base/constants.env")
      let table = try await fixture.goud("config", "show")
      #expect(table.output.hasPrefix("KEY") && !table.output.contains("ORIGIN"))
      let refused = try await fixture.goud(["config", "show"], environment: ["BACKUP_RETENTION_DAYS": "soon"])
      #expect(refused.status == 1 && refused.errors.contains("BACKUP_RETENTION_DAYS in the environment is 'soon'"))
    }
  }
}
