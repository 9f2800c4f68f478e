import Foundation
import GoudCore
import TestSupport
import Testing

/// A repository that stock restic maintains, of either age: what it copies, prunes and rewrites is a backup as before.
@Suite struct RepositoryResticTests {
  /// Goud lists it, proves it, and brings it back.
  private func isWhole(
    _ id: String, _ repository: RepositoryFixture, as volume: String, _ what: String
  ) async throws {
    let listed = try await repository.run("backup", "list", "--format", "json")
    #expect(listed.output.contains(id), "\(what): \(listed.output)")
    try await repository.run("backup", "verify", id, "--level", "database")
    let out = "\(repository.fixture.root)/out"
    try? FileManager.default.removeItem(atPath: out)
    try await repository.run("restore", id, "--to", out, "--yes")
    try await repository.isSame(volume, out)
    try await repository.run("repo", "check", "--read-data")
    try await repository.isSound()
  }

  @Test(arguments: Restic.allCases)
  func whatResticMaintainedIsListedProvenAndRestored(_ restic: Restic) async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = try await fixture.makeVolume(operations: 5000)
      let first = try await repository.commit()
      try FileManager.default.removeItem(atPath: volume)
      try await fixture.makeVolume(operations: 5000, ["--seed", "7"])
      let secret = "\(volume)/jwt_secret"
      let marked = try await Programs.run("setfattr", ["-n", "user.of", "-v", "this test", secret])
      #expect(marked.status == 0, "\(marked.errors)")
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o440, .modificationDate: Date(timeIntervalSince1970: 1_000_000_000)], ofItemAtPath: secret)
      let manifest = try await Manifest.of("node1_data", in: fixture.volumes)
      let second = try await repository.commit().id

      let copy = RepositoryFixture(fixture: fixture, place: "\(fixture.root)/copy")
      try await copy.run("repo", "init")
      let copied = try await restic.run(
        ["copy", "--from-repo", repository.place], on: copy.place, password: RepositoryFixture.password,
        environment: ["RESTIC_FROM_PASSWORD": RepositoryFixture.password])
      #expect(copied.status == 0, "\(copied.errors)")
      try await isWhole(second, copy, as: volume, "copied")
      try await copy.run("backup", "verify", first.id)

      // A backup of its own beside, which Goud counts and lets be.
      let own = try await restic.run(
        ["backup", "--host", "other", "\(fixture.home)"], on: repository.place, password: RepositoryFixture.password)
      #expect(own.status == 0, "\(own.errors)")
      let pruned = try await repository.restic(
        "forget", try #require(first.snapshots["node1_data"]), "--prune", "--max-unused", "0", by: restic)
      #expect(pruned.status == 0, "\(pruned.errors)")
      #expect(try await repository.goud("backup", "verify", first.id).status == 10)
      try await isWhole(second, repository, as: volume, "pruned")
      let stock = "\(fixture.root)/stock"
      let restored = try await repository.restic(
        "restore", "latest", "--tag", "commit=\(second)", "--target", stock, by: restic)
      #expect(restored.status == 0, "\(restored.errors)")
      let stored = try await Manifest.of("node1_data", in: stock)
      // What belongs to the process that has the database open is not stored.
      let wanted = manifest.items.filter { !["LOCK", "LOG"].contains(FileSystem.name(of: $0.path)) }
      #expect(stored.items.map(\.path) == wanted.map(\.path))
      for (one, other) in zip(stored.items, wanted) { #expect(one == other) }
      let others = try await repository.restic("snapshots", "--host", "other", by: restic)
      #expect(others.output.contains("1 snapshots"), "\(others.output)")
    }
  }

  /// 0.14 rewrites nothing.
  @Test func whatResticRewroteIsTheSameBackupAndWhatLacksAFileIsDamaged() async throws {
    try await RepositoryFixture.with { repository in
      let volume = try await repository.fixture.makeVolume()
      let made = try await repository.commit()
      let snapshot = try #require(made.snapshots["node1_data"])
      // What it leaves beside the one that it was made of is its own.
      let beside = try await repository.restic("rewrite", "--exclude", "jwt_secret", snapshot, by: .trixie)
      #expect(beside.status == 0, "\(beside.errors)")
      try await isWhole(made.id, repository, as: volume, "left beside")
      let removed = try await repository.restic("forget", "--tag", "rewrite", "--unsafe-allow-remove-all", by: .trixie)
      #expect(removed.status == 0, "\(removed.errors)")

      let renamed = try await repository.restic(
        "rewrite", "--forget", "--new-host", "elsewhere", snapshot, by: .trixie)
      #expect(renamed.status == 0, "\(renamed.errors)")
      try await isWhole(made.id, repository, as: volume, "rewritten")
      #expect(try await repository.goud("backup", "verify", snapshot).status == 10, "it has another name")
      let cut = try await repository.restic(
        "rewrite", "--forget", "--exclude", "/node1_data/jwt_secret", "latest", by: .trixie)
      #expect(cut.status == 0, "\(cut.errors)")
      try await repository.isSound()
      let verified = try await repository.goud("backup", "verify", made.id)
      #expect(verified.status == 12 && verified.errors.contains("lacks files"), "\(verified.output) \(verified.errors)")
      try await isWhole(try await repository.commit().id, repository, as: volume, "the next")
    }
  }
}
