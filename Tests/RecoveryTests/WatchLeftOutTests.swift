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
  @Test func aVolumeThatABackupLeftOutHoldsWhatIsSafeBackUntilItIsInOneAgain() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      let common = try fixture.blocks(3)
      let (right, wrong) = (
        try fixture.blocks(2, after: common[2].reference), try fixture.blocks(2, after: common[2].reference)
      )
      for name in fixture.names { try fixture.make(name, common + right) }
      let store = DirectoryStore("\(root)/repository")
      let commit = CommitRequest(
        environment: "local", volumes: fixture.names.map(fixture.volume),
        repository: try Repository.create(store, password: "p", cost: .init(rounds: 1 << 10)), scratch: "\(root)/views",
        toolVersion: "test")
      var request = WatchRequest(commit)
      (request.every, request.commitEvery, request.home) = (0.05, 1, "\(root)/home")
      let last = Mutex<WatchStatus?>(nil)
      request.ticked = { status in last.withLock { $0 = status } }
      let asked = request
      async let ended: Void = onThread { try Watch(asked).run() }
      defer { commit.cancellation.cancel() }
      func status(_ what: String, _ holds: (WatchStatus) -> Bool) async throws -> WatchStatus {
        try await waitUntil(what) { last.withLock { $0.map(holds) } ?? false }
        return try #require(last.withLock { $0 })
      }
      let followed = try await status("a backup of all") { $0.safe != nil && $0.fault == nil }

      let aside = "\(root)/aside"
      try FileManager.default.moveItem(atPath: fixture.path("node2_data"), toPath: aside)
      try fixture.make("node2_data", common + wrong)
      let before = Date()
      let without = try await status("a backup without it") { $0.fault?.contains("node2_data is left out") == true }
      let safe = try #require(without.safe)
      #expect(safe >= followed.safe ?? .distantFuture && safe <= before.addingTimeInterval(0.001))

      // The others go on.
      try fixture.ledger("node1_data") { try $0.append(fixture.blocks(1, after: right[1].reference), acknowledged: 5) }
      let later = try await status("two backups and ten ticks more") {
        $0.commits >= without.commits + 2 && $0.ticks > without.ticks + 10
      }
      #expect(later.safe == safe && later.fault?.contains("node2_data is left out") == true)

      try FileManager.default.removeItem(atPath: fixture.path("node2_data"))
      try FileManager.default.moveItem(atPath: aside, toPath: fixture.path("node2_data"))
      let back = Date()
      _ = try await status("a backup of all again") { $0.fault == nil && $0.safe ?? .distantPast > back }
      commit.cancellation.cancel()
      try await ended
    }
  }
}
