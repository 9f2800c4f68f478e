import Foundation
import GoudCore
import TestSupport
import Testing

/// What a backup refuses, each with its exit status, its code and a hint, and with nothing changed or left.
@Suite struct BadInputTests {
  @Test(
    arguments: [
      (["--volume", "./missing"], Refusal(10, "volume.not-found")),
      (["--volume", "missing"], Refusal(10, "volume.not-found")),
      (["--volume", "./file"], Refusal(13, "volume.not-a-directory")),
      (["--volume", "./plain"], Refusal(13, "volume.no-database")),
      (["--volume", "node1", "--volume", "./other/node1_data"], Refusal(13, "volume.ambiguous")),
      (["--env", "aws"], Refusal(10, "config.unknown-environment")),
      (["--env", "gcp"], Refusal(10, "volume.not-found")),
      (["--compression", "lzma"], Refusal(64, "usage.invalid")),
    ])
  func aBackupOfWhatIsNoVolumeIsRefused(_ arguments: [String], _ refusal: Refusal) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 50)
      try Data().write(to: URL(fileURLWithPath: "\(fixture.root)/file"))
      for name in ["plain", "other"] {
        try FileManager.default.createDirectory(atPath: "\(fixture.root)/\(name)", withIntermediateDirectories: true)
      }
      try FileManager.default.copyItem(atPath: volume, toPath: "\(fixture.root)/other/node1_data")
      try await fixture.expect(refusal, of: ["backup", "create"] + arguments)
      #expect(try FileSystem.names(in: fixture.backups).isEmpty)
    }
  }

  enum Damage: CaseIterable { case missingTable, flippedTable, truncatedManifest }

  @Test(arguments: Damage.allCases)
  func aDamagedDatabaseIsNotBackedUp(_ damage: Damage) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      try await fixture.makeVolume("a_healthy_one", operations: 50)
      let table = try fixture.databaseFile(volume) { $0.hasSuffix(".sst") }
      let manifest = try fixture.databaseFile(volume) { $0.hasPrefix("MANIFEST-") }
      switch damage {
      case .missingTable: try FileManager.default.removeItem(atPath: table)
      case .flippedTable: try flipBit(in: table)
      case .truncatedManifest: try #require(truncate(manifest, 40) == 0)
      }
      let message = try await fixture.expect(Refusal(12, "database.corrupt"), of: ["backup", "create"])
      #expect(message.contains("node1_data"))
      #expect(try FileSystem.names(in: fixture.backups).isEmpty)
    }
  }

  /// RocksDB itself would open this one, and drop the newer log without a word.
  @Test func aDatabaseThatWouldLoseALogIsNeitherBackedUpNorHealthy() async throws {
    try await Fixture.with { fixture in
      let database = "\(try await fixture.makeVolume(operations: 50))/second"
      for key in ["in the older log", "in the newer log"] {
        try RawDatabase(database, "avoid_flush_during_recovery=true").put(key)
      }
      let logs = try FileSystem.names(in: database).filter { $0.hasSuffix(".log") }.sorted()
      try #require(logs.count == 2)
      #expect(try await fixture.goud("backup", "create", "-d", "healthy").status == 0)
      let older = URL(fileURLWithPath: "\(database)/\(logs[0])")
      var bytes = try Data(contentsOf: older)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: older)
      let message = try await fixture.expect(Refusal(12, "database.corrupt"), of: ["backup", "create"])
      #expect(message.contains(logs[0]) && message.contains(logs[1]))
      #expect(try await fixture.goud("volume", "check").status == 21)
      #expect(try await fixture.goud("backup", "create", "--unproven").status == 0)
      let archive = try #require(try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar.gz") })
      let verified = try await fixture.goud("backup", "verify", archive, "--level", "database")
      #expect(verified.status == 12 && verified.errors.contains(logs[1]), "\(verified.errors)")
    }
  }

  @Test func aDestinationThatCannotBeWrittenIsRefused() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 50)
      let readOnly = "\(fixture.root)/read-only"
      try await fixture.with(mount: ["-o", "bind,ro", fixture.backups], at: readOnly) {
        for directory in [readOnly, "\(readOnly)/new"] {
          try await fixture.expect(Refusal(1, "io.permission-denied"), of: ["backup", "create", "-d", directory])
        }
      }
      #expect(try FileSystem.names(in: fixture.backups).isEmpty)
    }
  }

  @Test func aFullDiskLeavesNoPartOfABackup() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 50)
      try Data(count: 8 << 20).write(to: URL(fileURLWithPath: "\(volume)/ballast"))
      try await fixture.withDisk(bytes: 4 << 20) { disk in
        let directory = "\(disk)/backups"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try await fixture.expect(
          Refusal(15, "io.no-room"), of: ["backup", "create", "--compression", "none", "-d", directory],
          unchanged: [disk])
        #expect(try FileSystem.names(in: directory).isEmpty)
      }
      _ = try await fixture.backUp()
    }
  }

  @Test(
    arguments: [
      ["frobnicate"], ["backup", "create", "--frobnicate"], ["backup", "create", "surplus"], ["restore"],
      ["restore", "x", "--rollback", "--to", "y"], ["backup", "verify"],
    ])
  func argumentsThatDoNotFitAreAnErrorOfUsage(_ arguments: [String]) async throws {
    try await Fixture.with { fixture in
      let text = try await fixture.goud(arguments)
      #expect(text.status == 64 && text.output == "" && text.errors.contains("Usage: goud"), "\(text.errors)")
      let json = try await fixture.goud(arguments + ["--format", "json"])
      let error = try JSONSerialization.jsonObject(with: Data(json.errors.utf8)) as? [String: Any]
      #expect(json.status == 64 && json.output == "" && error?["code"] as? String == "usage.invalid")
      #expect(error?["exit"] as? Int == 64 && (error?["message"] as? String)?.isEmpty == false)
    }
  }
}
