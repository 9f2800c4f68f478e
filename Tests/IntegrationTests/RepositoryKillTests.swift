import Foundation
import GoudCore
import TestSupport
import Testing

/// SIGKILL after every durable step of what changes a repository, enumerated as in `KillTests`. Stock restic finds it whole
/// each time, whatever was reported before is there, and the next run goes on.
@Suite(.serialized) struct RepositoryKillTests {
  /// A repository with a backup, and a volume that has changed since.
  private func with(
    _ body: @Sendable (_ repository: RepositoryFixture, _ first: String) async throws -> Void
  ) async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = try await fixture.makeVolume(operations: 3000)
      let first = try await repository.commit().id
      try FileManager.default.removeItem(atPath: volume)
      try await fixture.makeVolume(operations: 3000, ["--seed", "5"])
      try await body(repository, first)
    }
  }

  /// Runs `words` once for each of its steps, each time on the same repository, and kills it there.
  private func kill(
    _ repository: RepositoryFixture, _ words: [String], least: Int,
    _ after: @Sendable (_ step: String) async throws -> Void
  ) async throws {
    let fixture = repository.fixture
    let pristine = "\(fixture.root)/pristine"
    try FileManager.default.copyItem(atPath: repository.place, toPath: pristine)
    let log = "\(fixture.root)/steps"
    let arguments = words + ["--repo", repository.place]
    let whole = try await fixture.goud(
      arguments, environment: repository.environment.merging(["GOUD_KILL_LOG": log]) { $1 })
    try #require(whole.status == 0, "\(whole.errors)")
    let names = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
    try #require(names.count >= least, "\(names)")
    for step in 1...names.count {
      try FileManager.default.removeItem(atPath: repository.place)
      try FileManager.default.copyItem(atPath: pristine, toPath: repository.place)
      let killed = try await fixture.goud(
        arguments, environment: repository.environment.merging(["GOUD_KILL_AT": "\(step)"]) { $1 })
      #expect(killed.status == 137, "\(names[step - 1]): \(killed.errors)")
      try await repository.run("repo", "unlock")
      try await repository.isSound()
      try await after(names[step - 1])
      try await repository.isSound()
    }
  }

  @Test func aBackupKilledAnywhereLeavesTheEarlierOnesAndTheNextIsMade() async throws {
    try await with { repository, first in
      try await kill(repository, ["backup", "create"], least: 6) { step in
        try await repository.run("backup", "verify", first)
        let next = try await repository.commit()
        try await repository.run("backup", "verify", next.id, "--level", "database")
      }
    }
  }

  @Test func aForgetThatPrunesKilledAnywhereLosesNothingThatIsKept() async throws {
    try await with { repository, _ in
      _ = try await repository.commit()
      // The same database, later: of another one the newest would be kept as well, and nothing would go.
      try await repository.fixture.makeVolume(operations: 3000, ["--seed", "5"])
      let kept = try await repository.commit().id
      try await kill(repository, ["backup", "forget", "--keep-last", "1", "--prune"], least: 7) { step in
        try await repository.run("backup", "verify", kept, "--level", "database")
        try await repository.run("backup", "forget", "--keep-last", "1", "--prune")
        try await repository.run("backup", "verify", kept)
      }
    }
  }
}
