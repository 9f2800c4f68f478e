import Foundation
import GoudCore
import TestSupport
import Testing

/// Retention by the real binary.
@Suite struct PruneTests {
  private struct Report: Decodable {
    struct Item: Decodable {
      let path: String
      let deleted: Bool
      let reason: String
    }
    let backups: [Item]
    let safetyCopies: [Item]
  }

  private func prune(_ fixture: Fixture, _ further: String...) async throws -> Report {
    let result = try await fixture.goud(["backup", "prune", "--format", "json"] + further)
    try #require(result.status == 0, "\(result.errors)")
    return try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
  }

  /// A copy of an archive that looks as old as its name says, with its checksum and unless `verified` is false, read.
  @discardableResult
  private func age(_ fixture: Fixture, _ archive: String, _ stamp: String, verified: Bool = true) async throws -> String
  {
    let old = "\(fixture.backups)/goud-chain-backup-local-\(stamp).tar.gz"
    try FileManager.default.copyItem(atPath: archive, toPath: old)
    let sum = try await Programs.run(
      "sh", ["-c", "sha256sum \"$1\" > \"$1.sha256\"", "-", FileSystem.name(of: old)], in: fixture.backups)
    #expect(sum.status == 0)
    if verified { #expect(try await fixture.goud("backup", "verify", old).status == 0) }
    return old
  }

  private func files(_ fixture: Fixture) throws -> Set<String> { Set(try FileSystem.names(in: fixture.backups)) }

  @Test func expiredBackupsGoWithAllThatBelongsToThem() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let new = try await fixture.backUp()
      let kept = try files(fixture)
      let old = try await age(fixture, new, "20260101-000000")
      try Data().write(to: URL(fileURLWithPath: "\(fixture.backups)/holiday.tar.gz"))
      let before = try files(fixture)
      let dry = try await prune(fixture, "--dry-run")
      #expect(dry.backups.filter(\.deleted).map(\.path) == [old])
      #expect(try files(fixture) == before)
      #expect(try await prune(fixture).backups.filter(\.deleted).map(\.path) == [old])
      #expect(try files(fixture) == kept.union(["holiday.tar.gz"]))
    }
  }

  @Test func aBackupPrunesAtItsEnd() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let old = try await age(fixture, try await fixture.backUp(), "20260101-000000")
      let made = try await fixture.goud("backup", "create")
      #expect(made.status == 0 && made.errors.contains("pruned \(old)"), "\(made.errors)")
      #expect(try FileSystem.status(old) == nil)
    }
  }

  @Test func aDamagedNewBackupDoesNotCostTheOldOne() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let new = try await fixture.backUp()
      try await age(fixture, new, "20260101-000000")
      let file = try Descriptor.open(new, O_RDWR)
      let time = try file.status().st_mtim
      #expect(pwrite(file.fd, "x", 1, 2000) == 1)
      #expect(try await prune(fixture).backups.filter(\.deleted).isEmpty)
      // Even when the change does not show: what a deletion leans on is read again when a day has passed.
      #expect(futimens(file.fd, [time, time]) == 0)
      let record = "\(new).verified.json"
      let text = try String(contentsOfFile: record, encoding: .utf8)
      let aged = text.replacing(/"verified" : "[^"]*"/, with: "\"verified\" : \"2026-01-01T00:00:00Z\"")
      #expect(aged != text)
      try Data(aged.utf8).write(to: URL(fileURLWithPath: record))
      #expect(try await prune(fixture).backups.filter(\.deleted).isEmpty)
      #expect(try String(contentsOfFile: record, encoding: .utf8).contains("\"passed\" : false"))
    }
  }

  @Test func withoutAVerifiedBackupNothingGoes() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let archive = try await fixture.backUp("--no-verify")
      try await age(fixture, archive, "20260101-000000", verified: false)
      try await age(fixture, archive, "20260102-000000", verified: false)
      #expect(try await prune(fixture).backups.filter(\.deleted).isEmpty)
      try FileManager.default.removeItem(atPath: "\(archive).sha256")
      #expect(try await prune(fixture).backups.filter(\.deleted).isEmpty)
    }
  }

  @Test func aPruneKilledAnywhereLeavesWholeBackupsOrNone() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let new = try await fixture.backUp()
      let kept = try files(fixture)
      for step in 1...3 {
        try await age(fixture, new, "20260101-000000")
        let killed = try await fixture.goud("backup", "prune", environment: ["GOUD_KILL_AT": "\(step)"])
        #expect(killed.status == 137)
        let list = try await fixture.goud("backup", "list")
        #expect(!list.output.contains("20260101"), "\(list.output)")
        for name in try files(fixture).subtracting(kept) {
          try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -2 * 86400)], ofItemAtPath: "\(fixture.backups)/\(name)")
        }
        _ = try await prune(fixture)
        #expect(try files(fixture) == kept)
      }
    }
  }

  @Test func expiredSafetyCopiesGoUnlessTheyAreNeeded() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 100)
      let archive = try await fixture.backUp()
      #expect(try await fixture.goud("restore", archive, "--yes").status == 0)
      let copy = try #require(try FileSystem.names(in: fixture.volumes).first { $0.contains(".replaced-") })
      #expect(try await prune(fixture).safetyCopies.map(\.deleted) == [false])
      let old = "\(fixture.volumes)/.node1_data.replaced-20260101-000000"
      try FileManager.default.moveItem(atPath: "\(fixture.volumes)/\(copy)", toPath: old)
      // An unfinished restore may need it; so may a volume that is lost.
      let marker = "\(volume)/.goud-restore.json"
      try Data(
        """
        {"id":"0123456789abcdef","backup":"b","started":"2026-11-01T00:00:00Z","volume":"\(volume)","volumes":["\(volume)"],
        "state":"proven","safetyCopy":"20260101-000000"}
        """.utf8
      ).write(to: URL(fileURLWithPath: marker))
      #expect(try await prune(fixture).safetyCopies.map(\.reason) == ["a restore is unfinished"])
      try FileManager.default.removeItem(atPath: marker)
      try FileManager.default.moveItem(atPath: volume, toPath: "\(fixture.root)/away")
      #expect(try await prune(fixture).safetyCopies.map(\.deleted) == [false])
      try FileManager.default.moveItem(atPath: "\(fixture.root)/away", toPath: volume)
      #expect(try await prune(fixture).safetyCopies.map(\.deleted) == [true])
      #expect(try FileSystem.names(in: fixture.volumes) == ["node1_data"])
    }
  }
}
