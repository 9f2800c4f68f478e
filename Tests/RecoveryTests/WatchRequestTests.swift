import BlobStore
import Foundation
import GoudCore
import Synchronization
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Repository
@testable import Retention

/// What a watch asks of its store, counted, and that what it need not ask is known all the same.
@Suite struct WatchRequestTests {
  private static let password = "p"

  /// A volume whose database this process writes, and a repository.
  private final class Place: @unchecked Sendable {
    let scratch: String
    let store: RecordingStore
    let repository: Repository
    // For one thread at a time.
    private let database: RawDatabase
    private var written = 0

    init(_ scratch: String) throws {
      self.scratch = scratch
      try FileManager.default.createDirectory(atPath: "\(scratch)/volume", withIntermediateDirectories: true)
      database = try RawDatabase("\(scratch)/volume/rocksdb")
      store = RecordingStore(DirectoryStore("\(scratch)/repository"))
      repository = try Repository.create(store, password: WatchRequestTests.password, cost: .init(rounds: 1 << 10))
      try write()
    }

    func write() throws {
      written += 1
      try database.put("key \(written)", bytes: 300)
    }

    func flush() throws { try database.flush() }

    var commit: CommitRequest {
      CommitRequest(
        environment: "local", volumes: [Volume(name: "node1_data", path: "\(scratch)/volume")],
        repository: repository, scratch: "\(scratch)/views", toolVersion: "test")
    }

    func restic(_ arguments: String...) async throws {
      let result = try await Programs.run(
        "restic", ["-r", "\(scratch)/repository", "--no-cache", "-q"] + arguments,
        environment: ["RESTIC_PASSWORD": WatchRequestTests.password])
      #expect(result.status == 0, "\(arguments): \(result.output)\(result.errors)")
    }
  }

  private func inPlace(_ body: (Place) async throws -> Void) async throws {
    try await withTemporaryDirectory { try await body(Place($0)) }
  }

  /// Follows the volume until so many commits are made, and something is written at each tick.
  /// - Returns: what was asked for, from the first commit's snapshot to the last one's.
  private func follow(_ place: Place, commits: Int, _ change: (inout WatchRequest) -> Void = { _ in }) async throws
    -> [RecordingStore.Request]
  {
    var request = WatchRequest(place.commit)
    (request.every, request.commitEvery, request.commits) = (0.02, 0.2, commits)
    request.ticked = { _ in try? place.write() }
    change(&request)
    let asked = request
    try await onThread { try Watch(asked).run() }
    let all = place.store.recorded
    let snapshot = RecordingStore.Request(.put, "snapshots")
    let first = try #require(all.firstIndex(of: snapshot))
    let last = try #require(all.lastIndex(of: snapshot))
    return Array(all[(first + 1)...last])
  }

  private func count(_ kind: RequestKind, _ requests: [RecordingStore.Request]) -> [String: Int] {
    requests.reduce(into: [:]) { if $1.kind == kind { $0[$1.folder, default: 0] += 1 } }
  }

  // MARK: Counts

  /// docs/repository.md, "Requests": for a tick nothing is listed, for a commit the locks and the indexes. After the first
  /// commit it is looked for what the dead have left.
  @Test func aCommitListsLocksAndIndexesAndPutsFiveObjects() async throws {
    try await inPlace { place in
      let ticks = Atomic(0)
      let requests = try await follow(place, commits: 9) {
        $0.ticked = { _ in
          ticks.add(1, ordering: .relaxed)
          try? place.write()
        }
      }
      var puts = count(.put, requests)
      // One more may be under way when the watch is to end.
      let commits = try #require(puts["snapshots"])
      #expect((8...9).contains(commits))
      #expect(count(.list, requests) == ["locks": commits, "index": commits, "tail": 2])
      let pieces = puts.removeValue(forKey: "tail") ?? 0
      #expect(puts == ["locks": commits, "data": 2 * commits, "index": commits, "snapshots": commits])
      #expect(pieces > 0 && pieces <= ticks.load(ordering: .relaxed))
      #expect(count(.stat, requests).isEmpty)
      // Of what it wrote itself it reads the index again, and no tree and no snapshot.
      #expect(count(.get, requests) == ["index": commits])
      try await place.restic("check", "--read-data")
    }
  }

  @Test func aTickThatFindsNothingAsksForNothing() async throws {
    try await inPlace { place in
      let ticks = Mutex<[Int]>([])
      let cancellation = Cancellation()
      var request = WatchRequest(place.commit)
      request.commit.cancellation = cancellation
      (request.every, request.commitEvery) = (0.01, 3600)
      request.ticked = { status in
        guard status.commits == 1 else { return }
        let count = ticks.withLock {
          $0.append(place.store.recorded.count)
          return $0.count
        }
        if count == 30 { cancellation.cancel() }
      }
      let asked = request
      try await onThread { try Watch(asked).run() }
      // The first folds.
      #expect(Set(ticks.withLock { $0.dropFirst() }).count == 1)
    }
  }

  /// A pack for the tables, which the volume can give again, beside that for what it cannot.
  @Test func newTablesAreAPackMore() async throws {
    try await inPlace { place in
      var request = place.commit
      request.memory = CommitMemory()
      let asked = request
      _ = try await onThread { try CommitWorkflow(asked).run() }
      try place.write()
      try place.flush()
      let before = place.store.recorded.count
      _ = try await onThread { try CommitWorkflow(asked).run() }
      #expect(count(.put, Array(place.store.recorded[before...]))["data"] == 3)
    }
  }

  // MARK: What others do

  /// Everything that the commit before has stored is gone, and its tables are in the volume as they were.
  @Test func whatResticTookAwayIsStoredAnew() async throws {
    try await inPlace { place in
      var request = place.commit
      request.memory = CommitMemory()
      let asked = request
      try place.flush()
      let first = try await onThread { try CommitWorkflow(asked).run() }
      let second = try await onThread { try CommitWorkflow(asked).run() }
      #expect(second.knownTables > 0)
      try await place.restic("forget", "--prune", first.snapshots["node1_data"]!, second.snapshots["node1_data"]!)
      let third = try await onThread { try CommitWorkflow(asked).run() }
      #expect(third.knownTables == 0 && third.newBytes > second.newBytes)
      try await place.restic("check", "--read-data")
    }
  }

  @Test func aBackupOfSomebodyElseIsSeenByTheNext() async throws {
    try await inPlace { place in
      let isMade = Mutex(false)
      let requests = try await follow(place, commits: 5) {
        $0.ticked = { status in
          try? place.write()
          guard status.commits == 2, isMade.withLock({ !$0 }) else { return }
          var other = place.commit
          other.scratch = "\(place.scratch)/views beside"
          let made = try? CommitWorkflow(other).run()
          isMade.withLock { $0 = made != nil }
        }
      }
      let lists = count(.list, requests)
      // The backup beside looks for the newest one, and so does the watch once; for tails it had looked already.
      #expect(lists["snapshots"] == 2)
      #expect(lists["tail"] == 4)
      let found = try CommitHistory(place.repository).list()
      #expect(found.count >= 6)
      #expect(found[0].members[0].snapshot.parent == found[1].members[0].id)
    }
  }

  // MARK: Thinning

  @Test func whatIsTooManyIsForgottenOnceInThirtyCommits() async throws {
    try await inPlace { place in
      let thinning = Thinning(place.repository, environment: "local")
      var asked: [Int] = []
      for number in 1...62 {
        let before = place.store.recorded.count
        #expect(thinning.committed() == [])
        if place.store.recorded.count > before { asked.append(number) }
      }
      #expect(asked == [1, 31, 61])
    }
  }

  @Test func whatStoodInTheWayIsTriedAgainAtTheNextCommit() async throws {
    try await inPlace { place in
      let thinning = Thinning(place.repository, environment: "local")
      let lock = try place.repository.lock(exclusive: false)
      #expect(thinning.committed().count == 1)
      #expect(thinning.committed().count == 1)
      try lock.release()
      let before = place.store.recorded.count
      #expect(thinning.committed() == [])
      let after = place.store.recorded.count
      #expect(after > before)
      #expect(thinning.committed() == [])
      #expect(place.store.recorded.count == after)
    }
  }
}
