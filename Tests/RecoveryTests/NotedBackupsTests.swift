import Archive
import BlobStore
import Foundation
import GoudCore
import Repository
import TestSupport
import Testing
import Volumes

@testable import Backup

/// What this machine notes of the backups that it makes in repositories.
@Suite struct NotedBackupsTests {
  private func with(_ body: (_ commit: CommitRequest, _ home: String) async throws -> Void) async throws {
    try await withTemporaryDirectory { scratch in
      var volumes: [Volume] = []
      for name in ["node1_data", "node2_data"] {
        let path = "\(scratch)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let database = try RawDatabase("\(path)/rocksdb")
        try database.put("key")
        volumes.append(Volume(name: name, path: path))
      }
      let repository = try Repository.create(
        DirectoryStore("\(scratch)/repository"), password: "p", cost: .init(rounds: 1 << 10))
      let home = "\(scratch)/home"
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      try await body(
        CommitRequest(
          environment: "local", volumes: volumes, repository: repository, scratch: "\(scratch)/views",
          toolVersion: "test"), home)
    }
  }

  private func watch(
    _ commit: CommitRequest, _ home: String, isWhole: Bool = true
  ) async throws -> WatchStatus {
    var request = WatchRequest(commit)
    (request.every, request.commits, request.home, request.isWhole) = (0.01, 1, home, isWhole)
    let asked = request
    try await waitUntil("the watch before to have let go of its lock") {
      // A program that another test is starting may hold the same file for a moment.
      do {
        try Watch(asked).run()
        return true
      } catch let error as GoudError where error.code == .repositoryForked {
        return false
      }
    }
    return try #require(try WatchStatus.read(home: home))
  }

  @Test func theCommitsOfAWatchAreNotedForEachVolume() async throws {
    try await with { commit, home in
      #expect(NotedBackups.newest(home: home).isEmpty)
      let status = try await watch(commit, home)
      let noted = NotedBackups.newest(home: home)
      #expect(Set(noted.keys) == ["node1_data", "node2_data"])
      let (id, location) = (try #require(status.commit), commit.repository.store.location)
      #expect(noted.values.allSatisfy { $0.archive == "\(location) \(id)" && $0.unproven.isEmpty })
      let taken = try CommitHistory(commit.repository).find(id).taken
      let whole = try #require(status.whole)
      #expect(abs(whole.timeIntervalSince(taken)) < 0.002)
      #expect(noted.values.allSatisfy { abs($0.timestamp.timeIntervalSince(taken)) < 0.002 })
    }
  }

  /// A later watch, of fewer volumes, or of what a volume is missing from, takes nothing away and is no backup of all.
  @Test func whatLacksAVolumeIsNoBackupOfIt() async throws {
    try await with { commit, home in
      let first = try await watch(commit, home)
      var fewer = commit
      fewer.volumes = [commit.volumes[0]]
      let second = try await watch(fewer, home, isWhole: false)
      #expect(second.whole == first.whole)
      #expect(second.backups["node1_data"]?.commit == second.commit)
      #expect(second.backups["node2_data"] == first.backups["node2_data"])
      fewer.leftOut = [.init(volume: "node2_data", reason: "it is mounted nowhere")]
      let third = try await watch(fewer, home)
      #expect(third.whole == first.whole && third.backups["node2_data"] == first.backups["node2_data"])
    }
  }

  @Test func anotherRepositoryHasNothingOfThem() async throws {
    try await with { commit, home in
      _ = try await watch(commit, home)
      var other = commit
      other.repository = try Repository.create(
        DirectoryStore("\(home)/other"), password: "p", cost: .init(rounds: 1 << 10))
      other.volumes = [commit.volumes[0]]
      let status = try await watch(other, home, isWhole: false)
      #expect(Set(status.backups.keys) == ["node1_data"] && status.whole == nil)
    }
  }

  @Test func soIsARunOfBackupCreateAndTheNewerOneCounts() async throws {
    try await with { commit, home in
      func run(_ now: Date, _ fault: String? = nil) throws {
        try BackupRecord.keeping(home: home, now: now) { ((), "s3://b 01", 1, fault, ["node1_data", "node2_data"]) }
      }
      let early = Date(timeIntervalSinceNow: -3600)
      try run(early)
      #expect(NotedBackups.newest(home: home)["node2_data"]?.archive == "s3://b 01")
      var fewer = commit
      fewer.volumes = [commit.volumes[0]]
      let status = try await watch(fewer, home)
      let noted = NotedBackups.newest(home: home)
      #expect(noted["node1_data"]?.archive.hasSuffix(try #require(status.commit)) == true)
      #expect(noted["node2_data"]?.archive == "s3://b 01")
      // What failed is no backup.
      try run(Date(timeIntervalSinceNow: 60), "node2_data: its chain disagrees")
      #expect(NotedBackups.newest(home: home) == noted)
      try run(Date(timeIntervalSinceNow: 120))
      #expect(NotedBackups.newest(home: home)["node1_data"]?.archive == "s3://b 01")
    }
  }
}
