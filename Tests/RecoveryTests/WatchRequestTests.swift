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
    let (ticked, cancellation) = (request.ticked, request.commit.cancellation)
    request.ticked = { status in
      ticked(status)
      if status.ticks > Self.ticks { cancellation.cancel() }
    }
    let asked = request
    try await onThread { try Watch(asked).run() }
    let all = place.store.recorded
    let snapshot = RecordingStore.Request(.put, "snapshots")
    let first = try #require(all.firstIndex(of: snapshot))
    let last = try #require(all.lastIndex(of: snapshot))
    return Array(all[(first + 1)...last])
  }

  /// After so many it is over, whatever came of it.
  private static let ticks = 6000

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
      // The commits of the watch when it was made.
      let made = Mutex<Int?>(nil)
      let errors = Mutex<[String]>([])
      let cancellation = Cancellation()
      let requests = try await follow(place, commits: .max) {
        $0.commit.cancellation = cancellation
        $0.ticked = { status in
          try? place.write()
          if let count = made.withLock({ $0 }) {
            if status.commits >= count + 3 { cancellation.cancel() }
          } else if status.commits >= 2 {
            var other = place.commit
            other.scratch = "\(place.scratch)/views beside"
            do {
              _ = try CommitWorkflow(other).run()
              made.withLock { $0 = status.commits }
            } catch {
              errors.withLock { $0.append("\(error)") }
            }
          }
        }
      }
      let lists = count(.list, requests)
      // The backup beside looks for the newest one, and so does the watch once; for tails it had looked already.
      #expect(lists["snapshots"] == 2, "\(errors.withLock { $0 })")
      #expect(lists["tail"] == 4)
      let found = try CommitHistory(place.repository).list()
      #expect(found.count >= 6)
      #expect(found[0].members[0].snapshot.parent == found[1].members[0].id)
    }
  }

  // MARK: Where nothing may be deleted

  @Test func aBackupWhoseLockCannotBeTakenAwayIsMade() async throws {
    try await inPlace { place in
      place.store.keepsAll.store(true, ordering: .relaxed)
      let asked = place.commit
      let made = try await onThread { try CommitWorkflow(asked).run() }
      #expect(made.lockFault?.contains("does not let us in") == true)
      #expect(try CommitHistory(place.repository).list().map(\.id) == [made.id])
      try await place.restic("check", "--no-lock", "--read-data")
    }
  }

  /// A bucket with a retention policy, or a user who may only add: backups are made, and what stays is said.
  @Test func aWatchGoesOnAndSaysWhatStays() async throws {
    try await inPlace { place in
      place.store.keepsAll.store(true, ordering: .relaxed)
      let ticks = Mutex(0)
      let faults = Mutex<Set<String>>([])
      let requests = try await follow(place, commits: 4) {
        $0.ticked = { _ in
          ticks.withLock { $0 += 1 }
          try? place.write()
        }
        $0.faulted = { fault in _ = faults.withLock { $0.insert(fault) } }
      }
      let said = faults.withLock { $0 }
      #expect(said.contains { $0.hasPrefix("the lock of a backup is left in the repository") }, "\(said)")
      #expect(said.contains { $0.hasSuffix("does not let us in") }, "\(said)")
      let found = try CommitHistory(place.repository).list()
      #expect((4...5).contains(found.count))
      // One for each lock; for the tails at most one a tick, however many pieces there are.
      let deletes = count(.delete, requests)
      #expect(deletes["locks", default: 0] <= 5 && deletes["tail", default: 0] <= ticks.withLock { $0 })
      try await place.restic("check", "--no-lock", "--read-data")
    }
  }

  @Test func whereNothingMayBeDeletedNoExclusiveLockIsLeft() async throws {
    try await inPlace { place in
      let asked = place.commit
      _ = try await onThread { try CommitWorkflow(asked).run() }
      place.store.keepsAll.store(true, ordering: .relaxed)
      var request = ForgetRequest(place.repository, environment: "local", policy: .usual)
      request.prunes = true
      let error = #expect(throws: GoudError.self) { try Forget(request).run() }
      #expect(error?.code == .blobDenied)
      let left = try place.repository.locks()
      #expect(left.count == 1 && left.allSatisfy { $0.file?.isExclusive == false })
      #expect(try await onThread { try CommitWorkflow(asked).run() }.lockFault != nil)
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
