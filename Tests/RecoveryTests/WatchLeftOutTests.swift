import BlobStore
import Chain
import Foundation
import GoudCore
import Repository
import Synchronization
import TestSupport
import Testing

@testable import Backup

/// A watch of a network one of whose nodes tells another chain.
@Suite struct WatchLeftOutTests {
  /// Three nodes that are followed into a repository.
  private final class Followed: Sendable {
    let root: String
    let fixture: ChainFixture
    let commit: CommitRequest
    let common: [Block]
    let right: [Block]
    private let last = Mutex<WatchStatus?>(nil)

    init(_ root: String) throws {
      self.root = root
      fixture = try ChainFixture(root)
      common = try fixture.blocks(3)
      right = try fixture.blocks(2, after: common[2].reference)
      for name in fixture.names { try fixture.make(name, common + right) }
      commit = CommitRequest(
        environment: "local", volumes: fixture.names.map(fixture.volume),
        repository: try Repository.create(
          DirectoryStore("\(root)/repository"), password: "p", cost: .init(rounds: 1 << 10)), scratch: "\(root)/views",
        toolVersion: "test")
    }

    func run(commitEvery: Double) async throws {
      var request = WatchRequest(commit)
      (request.every, request.commitEvery, request.home) = (0.05, commitEvery, "\(root)/home")
      request.ticked = { status in self.last.withLock { $0 = status } }
      let asked = request
      try await onThread { try Watch(asked).run() }
    }

    func status(_ what: String, _ holds: (WatchStatus) -> Bool) async throws -> WatchStatus {
      try await waitUntil(what) { last.withLock { $0.map(holds) } ?? false }
      return try #require(last.withLock { $0 })
    }

    /// One block more.
    func append(to name: String) throws {
      try fixture.ledger(name) { try $0.append(fixture.blocks(1, after: right[1].reference), acknowledged: 5) }
    }

    /// Another chain in the place of a node's.
    func swap(_ name: String) throws {
      let wrong = try fixture.blocks(2, after: common[2].reference)
      try FileManager.default.moveItem(atPath: fixture.path(name), toPath: "\(root)/aside")
      try fixture.make(name, common + wrong)
    }

    func swapBack(_ name: String) throws {
      try FileManager.default.removeItem(atPath: fixture.path(name))
      try FileManager.default.moveItem(atPath: "\(root)/aside", toPath: fixture.path(name))
    }
  }

  private func following(commitEvery: Double, _ body: (Followed) async throws -> Void) async throws {
    try await withTemporaryDirectory { root in
      let followed = try Followed(root)
      async let ended: Void = followed.run(commitEvery: commitEvery)
      defer { followed.commit.cancellation.cancel() }
      try await body(followed)
      followed.commit.cancellation.cancel()
      try await ended
    }
  }

  @Test func aVolumeThatABackupLeftOutHoldsWhatIsSafeBackUntilItIsInOneAgain() async throws {
    try await following(commitEvery: 1) { followed in
      let all = try await followed.status("a backup of all") { $0.safe != nil && $0.fault == nil }
      try followed.swap("node2_data")
      let before = Date()
      let without = try await followed.status("a backup without it") {
        $0.fault?.contains("node2_data is left out") == true
      }
      let safe = try #require(without.safe)
      #expect(safe >= all.safe ?? .distantFuture && safe <= before.addingTimeInterval(0.001))

      // The others go on.
      try followed.append(to: "node1_data")
      let later = try await followed.status("two backups and ten ticks more") {
        $0.commits >= without.commits + 2 && $0.ticks > without.ticks + 10
      }
      #expect(later.safe == safe && later.fault?.contains("node2_data is left out") == true)

      try followed.swapBack("node2_data")
      let back = Date()
      _ = try await followed.status("a backup of all again") { $0.fault == nil && $0.safe ?? .distantPast > back }
    }
  }

  /// All that is known of it lies in an earlier backup, and in the tail upon that.
  @Test func theTailOfAVolumeThatABackupLeftOutStays() async throws {
    try await following(commitEvery: 3600) { followed in
      var ledgers = try followed.fixture.names.map { try Ledger(directory: "\(followed.fixture.path($0))/rocksdb") }
      let opened = Date()
      _ = try await followed.status("a backup of all") { $0.safe ?? .distantPast > opened && $0.fault == nil }
      for ledger in ledgers[..<2] { try ledger.append(followed.fixture.blocks(1, after: followed.right[1].reference)) }
      let appended = Date()
      _ = try await followed.status("a tick with the blocks") { $0.safe ?? .distantPast > appended && $0.fault == nil }
      let history = CommitHistory(followed.commit.repository)
      let held = try #require(try history.list().first)
      func tail() throws -> CommitTail { try CommitTail(held, in: followed.commit.repository) }
      try #require(try tail().bytes(of: "node1_data") > 0 && tail().bytes(of: "node2_data") > 0)

      ledgers.remove(at: 1)
      try followed.swap("node2_data")
      let without = try await followed.status("a backup without it") {
        $0.fault?.contains("node2_data is left out") == true
      }
      try ledgers[1].append(followed.fixture.blocks(1, after: followed.right[1].reference))
      _ = try await followed.status("ten ticks more") { $0.ticks > without.ticks + 10 && $0.bytesAtRisk == 0 }
      #expect(try tail().bytes(of: "node2_data") > 0, "the block is nowhere else")
      #expect(try tail().bytes(of: "node1_data") == 0, "the newest backup has it")
    }
  }
}
