import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// SIGKILL after every durable step of a watch: of its ticks, of its backups, and of the fold, which deletes the tail that
/// they stood on. Each is the next watch of the one before, upon the same repository, while a writer goes on.
@Suite(.serialized) struct RepositoryWatchKillTests {
  private struct Status: Decodable {
    let safe: Double?
    let commit: String?
    let why: String?
  }

  /// What it ends at, and how often a backup is made meanwhile.
  private struct Kill {
    let step: String
    var commit = "60s"
    /// Pieces of the tail that are there by then; nil: that is left open.
    var pieces: Int?
    /// Whether there are to be two backups of one minute before.
    var thins = false
  }

  private static let kills: [Kill] =
    [
      // The first backup, upon the tail of the watch before, and the fold.
      "1 store.put locks", "1 store.put data", "2 store.put data", "1 store.put index", "1 commit.indexed",
      "1 store.put snapshots", "1 commit.snapshot", "1 store.deleted locks",
    ].map { Kill(step: $0) } + [
      Kill(step: "1 store.put tail", pieces: 1), Kill(step: "1 store.deleted tail", pieces: 1),
      Kill(step: "1 watch.folded", pieces: 1), Kill(step: "2 store.put tail", pieces: 2),
      Kill(step: "3 store.put tail", pieces: 3), Kill(step: "9 watch.noted"),
      // What thins the backups after one.
      Kill(step: "1 forget.snapshot", thins: true), Kill(step: "1 store.deleted snapshots", thins: true),
    ]
    + [
      // The next backup, while the ticks go on upon the one before.
      "2 commit.indexed", "2 store.put snapshots", "2 commit.snapshot", "2 watch.folded",
    ].map { Kill(step: $0, commit: "1s") }

  @Test func killedAnywhereAWatchLosesOneTickAtMostAndTheNextGoesOn() async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = "\(fixture.volumes)/node1_data"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let (oracle, diary) = (try Oracle(path: "\(fixture.root)/oracle"), Diary())
      let writer = ["\(volume)/rocksdb", "--oracle", "\(fixture.root)/oracle", "--rate", "300"]
      try await withWriter(writer) { _ in
        try await waitUntil("200 operations") { oracle.acknowledged > 200 }
        try await diary.keep(oracle) {
          // By then it has said what is safe.
          let first = try await watch(repository, "60s", until: "2 store.put tail")
          #expect(first.status == 137, "\(first.errors)")
          for kill in Self.kills {
            if kill.thins { #expect(try await watch(repository, "1s", until: nil).status == 0) }
            let killed = try await watch(repository, kill.commit, until: kill.step)
            #expect(killed.status == 137, "\(kill.step): \(killed.errors)")
            try await isWhole(repository, diary, kill)
          }
          let last = try await watch(repository, "1s", until: nil)
          #expect(last.status == 0, "\(last.errors)")
          try await isWhole(repository, diary, Kill(step: "the end"))
        }
      }
      try await repository.run("repo", "unlock")
      try await repository.isSound()
      try await repository.run("repo", "check", "--read-data")
    }
  }

  private func watch(_ repository: RepositoryFixture, _ commit: String, until step: String?) async throws -> Finished {
    try await repository.fixture.goud(
      ["backup", "watch", "--every", "100ms", "--commit", commit, "--commits", "3", "--repo", repository.place],
      environment: repository.environment.merging(step.map { ["GOUD_KILL_AT": $0] } ?? [:]) { $1 })
  }

  /// What was reported before is there, and everything that was said to be safe; and it is said how far that is.
  private func isWhole(_ repository: RepositoryFixture, _ diary: Diary, _ kill: Kill) async throws {
    let fixture = repository.fixture
    let status = try JSONDecoder().decode(
      Status.self, from: Data(contentsOf: URL(filePath: "\(fixture.home)/local/watch.json")))
    let safe = Date(timeIntervalSince1970: try #require(status.safe) / 1000)
    let complaints = try await Restic.judge(repository.place, password: RepositoryFixture.password, ["--no-lock"])
    #expect(complaints.isEmpty, "\(kill.step): \(complaints)")
    try await repository.run("backup", "verify", try #require(status.commit))
    let out = "\(fixture.root)/out"
    try? FileManager.default.removeItem(atPath: out)
    let restored = try await repository.run("restore", "--to", out, "--yes")
    let operation = try fixture.lastOperation(out)
    #expect(operation >= diary.acknowledged(by: safe), "\(kill.step): \(restored.errors)")
    // On a machine that is slow enough the logs may not tell all: another backup is made at once, and begins a new tail.
    guard let pieces = kill.pieces, status.why == "there is none yet" else { return }
    #expect(
      restored.errors.contains("the commit and \(pieces) piece"), "\(kill.step): \(restored.errors) \(restored.output)")
  }
}
