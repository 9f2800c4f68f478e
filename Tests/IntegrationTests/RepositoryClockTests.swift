import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// Backups in a repository, forgetting, `latest` and a watch under clocks that are wrong, or set meanwhile.
@Suite struct RepositoryClockTests {
  private func commit(_ repository: RepositoryFixture, clock: String) async throws -> RepositoryFixture.Committed {
    let made = try await repository.fixture.goud(
      ["backup", "create", "--format", "json", "--repo", repository.place], clock: clock,
      environment: repository.environment)
    try #require(made.status == 0, "\(clock): \(made.errors)")
    return try JSONDecoder().decode(RepositoryFixture.Committed.self, from: Data(made.output.utf8))
  }

  /// Which one `restore` takes, told by what it prints.
  private func restored(_ repository: RepositoryFixture) async throws -> Finished {
    let out = "\(repository.fixture.root)/out"
    try? FileManager.default.removeItem(atPath: out)
    return try await repository.goud("restore", "--to", out, "--yes")
  }

  @Test func aBackupOfTheFutureIsNoLatestAndNoneIsMadeDearerByIt() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume()
      let future = try await commit(repository, clock: "+365d").id
      let alone = try await restored(repository)
      #expect(alone.status == 10 && alone.errors.contains(future), "\(alone.errors)")
      #expect(alone.errors.contains("later than now") && alone.errors.contains("hint: name one by its id"))
      try await repository.run("backup", "verify", future)

      let present = try await repository.commit().id
      let latest = try await restored(repository)
      #expect(latest.status == 0 && latest.errors.contains("backup \(present)"), "\(latest.errors)")
      #expect(latest.errors.contains("passed over \(future)"), "\(latest.errors)")
      // Its tables were read in a year: it makes nobody read them all, each time until then.
      let next = try await repository.commit()
      #expect(next.knownTables > 0, "\(next)")
      try await repository.isSound()

      let thinned = try await repository.run("backup", "forget", "--keep-last", "1", "--prune", "--format", "json")
      #expect(thinned.output.contains("from the future"), "\(thinned.output)")
      let left = try await repository.run("backup", "list")
      #expect(left.output.contains(future) && left.output.contains(next.id) && !left.output.contains(present))
      try await repository.run("backup", "verify", future)
      try await repository.isSound()
    }
  }

  @Test func aForgetUnderAClockAYearAheadDeletesWhatItWouldDeleteNow() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume()
      var made: [String] = []
      for days in [-70, -40, -2, -1] { made.append(try await commit(repository, clock: "\(days)d").id) }
      made.append(try await repository.commit().id)
      for clock in ["+365d", "-100d"] {
        let thinned = try await repository.fixture.goud(
          ["backup", "forget", "--repo", repository.place], clock: clock, environment: repository.environment)
        #expect(thinned.status == 0, "\(clock): \(thinned.errors)")
        let left = try await repository.run("backup", "list")
        for id in made { #expect(left.output.contains(id), "\(clock): \(left.output)") }
      }
    }
  }

  @Test func aClockThatIsSetBackByMinutesLeavesTheLaterBackupTheLatest() async throws {
    try await RepositoryFixture.with { repository in
      let volume = try await repository.fixture.makeVolume()
      _ = try await repository.commit()
      for (minutes, operations) in [(2, 300), (4, 600)] {
        try FileManager.default.removeItem(atPath: volume)
        try await repository.fixture.makeVolume(operations: operations)
        let later = try await commit(repository, clock: "-\(minutes)m").id
        let latest = try await restored(repository)
        #expect(latest.status == 0 && latest.errors.contains("backup \(later)"), "\(latest.errors)")
        #expect(try repository.fixture.lastOperation("\(repository.fixture.root)/out") == UInt64(operations))
      }
    }
  }

  private struct Status: Decodable {
    let safe: Double?
    let why: String?
    let committed: Double?
    let pieces: Int
  }

  private func status(_ repository: RepositoryFixture) -> Status? {
    let file = URL(filePath: "\(repository.fixture.home)/local/watch.json")
    return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Status.self, from: $0) }
  }

  /// Set forward by a year, or back by an hour, and then right again: what the watch says then to be safe is what the
  /// latest backup brings back.
  @Test(arguments: [("+365d", 365 * 86_400), ("-1h", -3600)] as [(String, Double)])
  func aWatchWhoseClockIsSetBacksUpAtOnce(_ wrong: String, _ offset: Double) async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let (volume, clock) = ("\(fixture.volumes)/node1_data", "\(fixture.root)/clock")
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let (oracle, diary) = (try Oracle(path: "\(fixture.root)/oracle"), Diary())
      try AtomicFile.write(Array("+0\n".utf8), to: clock)
      let writer = ["\(volume)/rocksdb", "--oracle", "\(fixture.root)/oracle", "--rate", "300"]
      let environment = fixture.surroundings.merging(repository.environment) { $1 }
        .merging(fixture.clock(in: clock)) { $1 }
      try await withWriter(writer) { _ in
        try await waitUntil("200 operations") { oracle.acknowledged > 200 }
        try await diary.keep(oracle) {
          let watch = try await Programs.run(
            "env",
            [
              Programs.built("goud"), "backup", "watch", "--every", "100ms", "--commit", "1h", "--repo",
              repository.place,
            ],
            environment: environment
          ) { running in
            try await waitUntil("a piece") { status(repository)?.pieces ?? 0 > 0 }
            let forth = offset > 0 ? "forward" : "back"
            let back = offset > 0 ? "back" : "forward"
            for (step, seconds, direction) in [(wrong, offset, forth), ("+0", 0, back)] {
              try AtomicFile.write(Array("\(step)\n".utf8), to: clock)
              let moment = Date()
              var isSaid = false
              try await waitUntil("a backup after \(step), and a piece upon it") {
                guard let now = status(repository), let safe = now.safe else { return false }
                isSaid = isSaid || now.why?.contains("the clock was set \(direction)") == true
                // Of what is told by the clock before, none is within the hour.
                let told = [safe, now.committed ?? 0].map {
                  Date(timeIntervalSince1970: $0 / 1000 - seconds).timeIntervalSince(moment)
                }
                return isSaid && now.pieces > 0 && told.allSatisfy { $0 > 0 && $0 < 1800 }
              }
            }
            running.send(SIGKILL)
          }
          #expect(watch.status == 137, "\(watch.errors)")
        }
        let safe = Date(timeIntervalSince1970: try #require(status(repository)?.safe) / 1000)
        #expect(safe < Date() && safe > Date().addingTimeInterval(-600))
        let latest = try await restored(repository)
        #expect(latest.status == 0 && latest.errors.contains("of its tail"), "\(latest.errors)")
        #expect(try fixture.lastOperation("\(fixture.root)/out") >= diary.acknowledged(by: safe))
      }
      try await repository.run("repo", "unlock")
      try await repository.isSound()
    }
  }
}
