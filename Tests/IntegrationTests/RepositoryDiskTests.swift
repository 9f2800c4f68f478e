import Foundation
import GoudCore
import TestSupport
import Testing

/// A repository on a disk that is full, and on one that nobody can write to: what writes ends with the cause and a code of
/// its own, what was there stays whole, and as soon as it can, the next run goes on.
@Suite(.serialized) struct RepositoryDiskTests {
  /// A repository on a disk of its own.
  private func with(
    _ body: @escaping @Sendable (_ repository: RepositoryFixture, _ disk: String) async throws -> Void
  ) async throws {
    try await RepositoryFixture.with { home in
      try await Mounts.tmpfs(megabytes: 16, at: "\(home.fixture.root)/disk") { disk in
        try await body(RepositoryFixture(fixture: home.fixture, place: "\(disk)/repository"), disk)
      }
    }
  }

  /// The volume as another one, with a megabyte that nothing can press: how large the database is, its compactions decide.
  private func change(_ volume: String, _ repository: RepositoryFixture, seed: Int) async throws {
    try FileManager.default.removeItem(atPath: volume)
    try await repository.fixture.makeVolume(operations: 5000, ["--seed", "\(seed)"])
    try AtomicFile.write((0..<1 << 20).map { _ in UInt8.random(in: .min ... .max) }, to: "\(volume)/noise")
  }

  private func isWhole(_ id: String, _ repository: RepositoryFixture, _ what: String) async throws {
    let verified = try await repository.goud("backup", "verify", id, "--level", "database")
    #expect(verified.status == 0, "\(what): \(verified.errors)")
    let complaints = try await Restic.judge(
      repository.place, password: RepositoryFixture.password, ["--no-lock"])
    #expect(complaints.isEmpty, "\(what): \(complaints)")
    #expect(try FileSystem.names(in: "\(repository.place)/locks").isEmpty, "\(what)")
  }

  @Test func aFullDiskIsSaidAndTheNextRunGoesOn() async throws {
    try await with { repository, disk in
      // One page: the key has room, and the config mostly none; to the page, the kernel does not count.
      for room in [0, 4096] {
        try await Mounts.filled(disk, leaving: room) {
          let made = try await repository.goud("repo", "init", "--format", "json")
          let isRefused = made.status == 15 && made.errors.contains("io.no-room")
          #expect(isRefused || room > 0 && made.status == 0, "\(room): \(made.errors)")
          if !isRefused { try FileManager.default.removeItem(atPath: repository.place) }
        }
      }
      try await repository.run("repo", "init")
      let volume = try await repository.fixture.makeVolume(operations: 5000)
      let first = try await repository.commit().id
      try await change(volume, repository, seed: 5)
      for room in [0, 4096, 40_960, 204_800] {
        try await Mounts.filled(disk, leaving: room) {
          let made = try await repository.goud("backup", "create", "--format", "json")
          #expect(made.status == 15 && made.errors.contains("io.no-room"), "\(room): \(made.errors)")
          #expect(made.errors.contains("free room there"), "\(made.errors)")
          try await isWhole(first, repository, "a backup with \(room) bytes free")
        }
      }
      let second = try await repository.commit().id
      for room in [0, 4096, 16_384] {
        try await Mounts.filled(disk, leaving: room) {
          let thinned = try await repository.goud("backup", "forget", "--keep-last", "1", "--prune", "--format", "json")
          // With some room, what goes first may make enough of it.
          #expect(thinned.status == 15 || room > 0 && thinned.status == 0, "\(room): \(thinned.errors)")
          try await isWhole(second, repository, "a prune with \(room) bytes free")
        }
      }
      try await repository.run("backup", "forget", "--keep-last", "1", "--prune")
      try await isWhole(second, repository, "pruned")
      try await change(volume, repository, seed: 6)
      try await isWhole(try await repository.commit().id, repository, "the next")
    }
  }

  @Test func aDiskThatNobodyCanWriteToIsReadAsEver() async throws {
    try await with { repository, disk in
      try await repository.run("repo", "init")
      let volume = try await repository.fixture.makeVolume(operations: 5000)
      let made = try await repository.commit().id
      try await change(volume, repository, seed: 5)
      try await Mounts.readOnly(disk) {
        for words in [
          ["backup", "create"], ["backup", "forget", "--keep-last", "1"], ["repo", "repair"], ["repo", "check"],
        ] {
          let refused = try await repository.fixture.goud(
            words + ["--repo", repository.place, "--format", "json"], environment: repository.environment)
          #expect(refused.status == 1 && refused.errors.contains("io.permission-denied"), "\(words): \(refused.errors)")
          #expect(refused.errors.contains("mount it for writing"), "\(words): \(refused.errors)")
        }
        let another = try await repository.fixture.goud(
          "repo", "init", "--repo", "\(disk)/another", environment: repository.environment)
        #expect(another.status == 1 && another.errors.contains("\(disk)/another"), "\(another.errors)")
        for words in [
          ["backup", "list"], ["backup", "inspect", "latest"], ["repo", "check", "--read-data", "--no-lock"],
          ["repo", "stats"], ["restore", "--to", "\(repository.fixture.root)/out", "--yes"],
        ] {
          let read = try await repository.fixture.goud(
            words + ["--repo", repository.place], environment: repository.environment)
          #expect(read.status == 0, "\(words): \(read.errors)")
        }
        try await isWhole(made, repository, "read-only")
        try await aWatchWaits(repository)
      }
      try await isWhole(try await repository.commit().id, repository, "the next")
    }
  }

  /// It says what keeps it, and tries again until it is stopped.
  private func aWatchWaits(_ repository: RepositoryFixture) async throws {
    let status = "\(repository.fixture.home)/local/watch.json"
    let watch = try await Programs.run(
      Programs.built("goud"), ["backup", "watch", "--every", "100ms", "--repo", repository.place],
      environment: repository.fixture.surroundings.merging(repository.environment) { $1 }
    ) { running in
      try await waitUntil("its fault") {
        (try? String(contentsOfFile: status, encoding: .utf8))?.contains("read-only file system") == true
      }
      running.send(SIGTERM)
    }
    #expect(watch.errors.contains("data at risk: ") && watch.errors.contains("read-only"), "\(watch.errors)")
    #expect(watch.status == 0 || watch.status == 143, "\(watch.status): \(watch.errors)")
  }
}
