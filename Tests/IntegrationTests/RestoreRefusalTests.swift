import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// What a restore refuses, each with its exit status, its code and a hint, and with nothing changed or left.
@Suite struct RestoreRefusalTests {
  /// A home with one volume and its backup.
  private func withBackup(_ body: (Fixture, _ volume: String, _ archive: String) async throws -> Void) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 500)
      let archive = try await fixture.backUp()
      try await body(fixture, volume, archive)
    }
  }

  /// Puts another database in place of the volume's.
  private func replace(_ volume: String, _ fixture: Fixture) async throws {
    try FileManager.default.removeItem(atPath: volume)
    try await fixture.makeVolume(operations: 900)
  }

  @Test func anArchiveThatIsNotThereIsNotFound() async throws {
    try await withBackup { fixture, _, archive in
      for name in ["goud-chain-backup-local-20000101-000000.tar.gz", "./nothing.tar.gz", "\(archive).old"] {
        try await fixture.expect(Refusal(10, "archive.not-found"), of: ["restore", name, "--yes"])
      }
    }
  }

  @Test(arguments: [true, false])
  func aDamagedArchiveChangesNothing(volumeIsThere: Bool) async throws {
    try await withBackup { fixture, volume, archive in
      if !volumeIsThere { try FileManager.default.removeItem(atPath: volume) }
      let whole = try Data(contentsOf: URL(fileURLWithPath: archive))
      for length in [0, 100, whole.count / 2, whole.count - 1] {
        try whole.prefix(length).write(to: URL(fileURLWithPath: archive))
        try await fixture.expect(Refusal(12, "archive.corrupt"), of: ["restore", archive, "--yes"])
      }
      try whole.write(to: URL(fileURLWithPath: archive))
      try flipBit(in: archive)
      try await fixture.expect(Refusal(12, "archive.corrupt"), of: ["restore", archive, "--yes"])
    }
  }

  @Test func aChecksumOfAnotherArchiveIsFound() async throws {
    try await withBackup { fixture, _, archive in
      let sum = try String(contentsOfFile: "\(archive).sha256", encoding: .utf8)
      let other = sum.replacing(/^[0-9a-f]{64}/, with: String(repeating: "0", count: 64))
      try other.write(toFile: "\(archive).sha256", atomically: true, encoding: .utf8)
      try await fixture.expect(Refusal(12, "archive.checksum-mismatch"), of: ["restore", archive, "--yes"])
      try await fixture.expect(
        Refusal(12, "archive.checksum-mismatch"), of: ["restore", archive, "--yes", "--allow-unverified"])
    }
  }

  @Test func aMissingChecksumMustBeInsistedOn() async throws {
    try await withBackup { fixture, volume, archive in
      try FileManager.default.removeItem(atPath: "\(archive).sha256")
      try FileManager.default.removeItem(atPath: volume)
      try await fixture.expect(Refusal(13, "archive.checksum-missing"), of: ["restore", archive, "--yes"])
      let insisted = try await fixture.goud("restore", archive, "--yes", "--allow-unverified")
      #expect(insisted.status == 0, "\(insisted.errors)")
      #expect(try fixture.lastOperation(volume) == 500)
    }
  }

  @Test func theVolumeOfARunningNodeIsNotReplaced() async throws {
    try await withBackup { fixture, volume, archive in
      let oracle = "\(fixture.root)/oracle"
      let arguments = ["\(volume)/rocksdb", "--oracle", oracle, "--operations", "600", "--hold"]
      try await withWriter(arguments) { writer in
        let promised = try Oracle(path: oracle)
        try await waitUntil("600 operations") { promised.acknowledged == 600 }
        // Its locks stay; only its threads do not stir the volume any more.
        writer.send(SIGSTOP)
        let refusal = Refusal(13, "volume.database-open")
        let message = try await fixture.expect(refusal, of: ["restore", archive, "--yes"])
        #expect(message.contains("process \(writer.pid)"))
        try await fixture.expect(refusal, of: ["restore", archive, "--dry-run"])
      }
      #expect(try await fixture.goud("restore", archive, "--yes").status == 0)
    }
  }

  @Test func whatIsNoVolumeIsNotReplaced() async throws {
    try await withBackup { fixture, _, archive in
      let photos = "\(fixture.home)/photos"
      try FileManager.default.createDirectory(atPath: photos, withIntermediateDirectories: true)
      try Data("x".utf8).write(to: URL(fileURLWithPath: "\(photos)/holiday.jpg"))
      for target in [photos, "\(photos)/holiday.jpg"] {
        try await fixture.expect(
          Refusal(13, "restore.not-a-volume"), of: ["restore", archive, "--yes", "--replace-foreign", "--to", target])
      }
    }
  }

  @Test func aVolumeWithAMountInItIsNotReplaced() async throws {
    try await withBackup { fixture, volume, archive in
      try await fixture.with(mount: ["--bind", fixture.backups], at: "\(volume)/inside") {
        try await fixture.expect(Refusal(13, "restore.crosses-file-systems"), of: ["restore", archive, "--yes"])
      }
    }
  }

  @Test func anotherEnvironmentIsRefused() async throws {
    try await withBackup { fixture, _, archive in
      try await fixture.expect(
        Refusal(13, "restore.wrong-environment"), of: ["restore", archive, "--yes", "--env", "gcp"])
    }
  }

  @Test func nobodyThereToConfirmIsRefused() async throws {
    try await withBackup { fixture, _, archive in
      let refused = try await fixture.goud("restore", archive, "--format", "json")
      #expect(refused.status == 13 && refused.errors.contains("restore.confirmation-needed"))
    }
  }

  @Test func anotherDatabaseIsKeptAndComesBack() async throws {
    try await withBackup { fixture, volume, archive in
      try await replace(volume, fixture)
      let message = try await fixture.expect(
        Refusal(13, "restore.foreign-volume"), of: ["restore", archive, "--yes"])
      #expect(message.contains(volume))
      let foreign = try await fixture.tree(volume)
      let restored = try await fixture.goud("restore", archive, "--yes", "--replace-foreign")
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try fixture.lastOperation(volume) == 500)
      let copies = try FileSystem.names(in: fixture.volumes).filter { $0.contains(".replaced-") }
      try #require(copies.count == 1)
      #expect(try await fixture.tree("\(fixture.volumes)/\(copies[0])") == foreign)
      let back = try await fixture.goud("restore", "--rollback", "--yes")
      #expect(back.status == 0, "\(back.errors)")
      #expect(try await fixture.tree(volume) == foreign)
    }
  }

  @Test func withoutASafetyCopyThereIsNothingToRollBack() async throws {
    try await withBackup { fixture, _, _ in
      try await fixture.expect(Refusal(10, "restore.nothing-to-roll-back"), of: ["restore", "--rollback", "--yes"])
    }
  }

  @Test func aDryRunChangesNothing() async throws {
    try await withBackup { fixture, volume, archive in
      try await replace(volume, fixture)
      let before = try await fixture.tree(fixture.root)
      let shown = try await fixture.goud("restore", archive, "--dry-run", "--replace-foreign")
      #expect(shown.status == 0 && shown.output.contains(volume), "\(shown.errors)")
      #expect(try await fixture.tree(fixture.root) == before)
    }
  }

  @Test func aFullDiskLeavesTheOldVolume() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 2000, ["--value-bytes", "2048"])
      let archive = try await fixture.backUp()
      try await fixture.withDisk(bytes: 12 << 20) { disk in
        try #require(try await Programs.run("cp", ["-a", volume, "\(disk)/node1_data"]).status == 0)
        let room = try FileSystem.room(at: disk).available.bytes
        let ballast = try await Programs.run("fallocate", ["-l", "\(room - (1 << 20))", "\(disk)/ballast"])
        try #require(ballast.status == 0, "\(ballast.errors)")
        try await fixture.expect(
          Refusal(15, "io.no-room"), of: ["restore", archive, "--yes", "--to", "\(disk)/node1_data"],
          unchanged: ["\(disk)/node1_data"])
        #expect(Set(try FileSystem.names(in: disk)) == ["node1_data", "ballast", "lost+found"])
      }
    }
  }
}
