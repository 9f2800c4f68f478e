import Foundation
import GoudCore
import TestSupport
import Testing

/// The real binary under clocks that are wrong.
@Suite struct ClockTests {
  private func archives(_ fixture: Fixture) throws -> Set<String> {
    Set(try FileSystem.names(in: fixture.backups).filter { $0.hasSuffix(".tar.gz") })
  }

  @Test func aClockFarAheadClearsNothingAway() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      try #require(try await fixture.goud("backup", "create", days: -4).status == 0)
      let old = try archives(fixture)
      try #require(
        try await fixture.goud("restore", "\(fixture.backups)/\(old.first!)", "--yes", days: -3).status == 0)
      for days in [-3, -2, -1] { try #require(try await fixture.goud("backup", "create", days: days).status == 0) }
      let real = try archives(fixture)
      let jumped = try await fixture.goud("backup", "create", days: 400)
      #expect(jumped.status == 0 && jumped.errors.contains("--confirm-clock"), "\(jumped.errors)")
      #expect(try archives(fixture).isSuperset(of: real) && real.count == 4)
      #expect(try FileSystem.names(in: fixture.volumes).contains { $0.contains(".replaced-") })
      let confirmed = try await fixture.goud("backup", "prune", "--confirm-clock", days: 400)
      #expect(confirmed.status == 0, "\(confirmed.errors)")
      #expect(try archives(fixture).isDisjoint(with: real))
    }
  }

  @Test func anArchiveOfTheFutureIsNoLatestAndIsNamed() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      try #require(try await fixture.goud("backup", "create", days: 3000).status == 0)
      let future = try #require(try archives(fixture).first)
      let alone = try await fixture.goud("restore", "latest", "--dry-run")
      #expect(alone.status == 10 && alone.errors.contains("later than now"), "\(alone.errors)")
      let present = FileSystem.name(of: try await fixture.backUp())
      let latest = try await fixture.goud("restore", "latest", "--dry-run")
      #expect(latest.status == 0 && latest.output.contains(present.dropLast(7)), "\(latest.output)")
      #expect(latest.errors.contains(future))
      let checked = try await fixture.goud("volume", "check", environment: ["BACKUP_ENABLED": "true"])
      #expect(checked.status == 20 && checked.output.contains(future) && checked.output.contains(present))
      // The newest before now is judged by its age.
      let later = try await fixture.goud("volume", "check", "--format", "json", days: 3)
      #expect(later.output.contains("3 days ago"), "\(later.output)")
    }
  }

  @Test func theBackupOfAnotherDatabaseDoesNotCostTheOnlyOne() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 100)
      try #require(try await fixture.goud("backup", "create", days: -60).status == 0)
      let old = try archives(fixture)
      try FileManager.default.removeItem(atPath: volume)
      try await fixture.makeVolume(operations: 100)
      let made = try await fixture.goud("backup", "create")
      #expect(made.status == 0, "\(made.errors)")
      #expect(try archives(fixture).isSuperset(of: old))
    }
  }
}
