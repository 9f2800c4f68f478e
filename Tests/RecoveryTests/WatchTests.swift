import BlobStore
import Foundation
import GoudCore
import Repository
import Synchronization
import TestSupport
import Testing
import Volumes
import WriterOracle

@testable import Backup

#if canImport(Glibc)
  import Glibc
#endif

/// A watch, a writer that it knows nothing of, and stock restic as the judge of the repository.
@Suite(.serialized) struct WatchTests {
  @Test(arguments: [["--rate", "1000"], ["--rate", "500", "--write-buffer", "65536", "--flush-every", "150"]])
  func nothingAcknowledgedBeforeTheSafeMomentIsMissingAtAnyTick(_ arguments: [String]) async throws {
    try await withTemporaryDirectory { scratch in
      let place = WatchFixture(scratch: scratch, model: WriterModel(seed: 3, slots: 300, valueBytes: 256, families: 2))
      try FileManager.default.createDirectory(atPath: place.volume, withIntermediateDirectories: true)
      _ = try Repository.create(
        DirectoryStore(place.location), password: WatchFixture.password, cost: .init(rounds: 1 << 10))
      let oracle = try Oracle(path: "\(scratch)/oracle")
      let diary = Diary()
      let images = Mutex<[WatchFixture.Image]>([])
      let last = Mutex<WatchStatus?>(nil)
      let cancellation = Cancellation()
      var request = try place.request(cancellation)
      let faults = Mutex<[String]>([])
      request.faulted = { fault in faults.withLock { $0.append(fault) } }
      let keep = { @Sendable (status: WatchStatus?) in
        guard let safe = status?.safe else { return }
        images.withLock { images in
          if let image = try? place.image(images.count, safe) { images.append(image) }
        }
      }
      request.ticked = { status in
        last.withLock { $0 = status }
        if status.ticks % 6 == 0 { keep(status) }
      }
      // What was said to be safe on the commit before, now that its tail is gone.
      request.commit.repository = try Repository.open(
        FaultyStore(
          DirectoryStore(place.location),
          isDone: { call in
            if case .delete(let names) = call, names.contains(where: { $0.hasPrefix("tail/") }) {
              keep(last.withLock { $0 })
            }
          }), password: WatchFixture.password)
      let asked = request
      let writer = ["\(place.volume)/rocksdb", "--oracle", "\(scratch)/oracle", "--seed", "3", "--slots", "300"]
      try await withWriter(writer + ["--families", "2"] + arguments) { writer in
        try await waitUntil("200 operations") { oracle.acknowledged > 200 }
        let ended = Mutex<Result<Void, any Error>?>(nil)
        let thread = Thread { [request = asked] in
          let result = Result { try Watch(request).run() }
          ended.withLock { $0 = result }
        }
        thread.start()
        defer { cancellation.cancel() }
        try await waitUntil("three commits") {
          diary.note(oracle)
          return last.withLock { $0?.commits ?? 0 } >= 3 && images.withLock { $0.count } >= 25
            || ended.withLock { $0 != nil }
        }
        writer.send(SIGKILL)
        let killed = Date()
        try await waitUntil("a look at what the dead left") {
          diary.note(oracle)
          return last.withLock { $0?.safe ?? .distantPast } > killed || ended.withLock { $0 != nil }
        }
        cancellation.cancel()
        try await waitUntil("the watch's end") { ended.withLock { $0 != nil } }
        try ended.withLock { try $0?.get() }
      }
      let status = try #require(last.withLock { $0 })
      print(
        "watch: \(oracle.acknowledged) operations, \(status.commits) commits, \(status.ticks) ticks, "
          + "\(images.withLock { $0.count }) images, faults \(faults.withLock { $0 })")
      // All that there ever was. Nothing is stored of a look that finds nothing new, so no piece need be of after the end.
      let whole = try place.restore()
      #expect(whole.operation >= oracle.acknowledged && whole.operation <= oracle.started)
      // Whatever moment everything else is lost at.
      for image in images.withLock({ $0 }) {
        let made = try place.restore(image.location)
        let acknowledged = diary.acknowledged(by: image.safe)
        #expect(made.operation >= acknowledged, "safe at \(image.safe): ends at \(made.operation), not \(acknowledged)")
        #expect(made.operation >= diary.acknowledged(by: made.reach))
      }
      // Up to an earlier moment, within the newest tail and within the one before.
      let commits = try CommitHistory(place.repository()).list()
      for moment in [
        whole.reach.addingTimeInterval(-0.5), commits[0].taken.addingTimeInterval(0.001), commits[1].taken,
      ] {
        let made = try place.restore(upTo: moment)
        #expect(made.reach <= moment.addingTimeInterval(0.001) && made.operation <= whole.operation)
        #expect(made.operation >= diary.acknowledged(by: made.reach))
      }
      try await place.judge()
      if let middle = images.withLock({ $0.isEmpty ? nil : $0[$0.count / 2] }) {
        try await place.judge(middle.location)
      }
    }
  }

  // MARK: Faults

  @Test func whileTheStoreIsAwayWhatIsSafeStandsStillAndNothingIsLostAfterwards() async throws {
    let isAway = Mutex(false)
    try await WatchFixture.watching {
      $0.commit.repository = try Repository.open(
        FaultyStore(DirectoryStore($1.location), withoutTailWhile: { isAway.withLock { $0 } }),
        password: WatchFixture.password)
    } _: { place, oracle, status in
      try await waitUntil("a piece") { status()?.pieces ?? 0 > 0 }
      isAway.withLock { $0 = true }
      try await waitUntil("a fault") { status()?.fault != nil }
      let stood = try #require(status())
      try await waitUntil("ten more ticks") { status()?.ticks ?? 0 > stood.ticks + 10 }
      let away = try #require(status())
      #expect(away.safe == stood.safe && away.fault != nil)
      #expect(away.bytesAtRisk > stood.bytesAtRisk && away.writesAtRisk > stood.writesAtRisk)
      isAway.withLock { $0 = false }
      let acknowledged = oracle.acknowledged
      let back = Date()
      try await waitUntil("what was kept to be stored") { status()?.safe ?? .distantPast > back }
      let mended = try #require(status())
      #expect(mended.fault == nil && mended.commits == 1, "it was kept, and no commit had to take its place")
      #expect(try place.restore().operation >= acknowledged)
    }
  }

  @Test func beyondTheBoundACommitTakesThePlaceOfWhatWasKept() async throws {
    let isAway = Mutex(false)
    try await WatchFixture.watching {
      $0.bound = 100_000
      $0.commit.repository = try Repository.open(
        FaultyStore(DirectoryStore($1.location), withoutTailWhile: { isAway.withLock { $0 } }),
        password: WatchFixture.password)
    } _: { place, oracle, status in
      try await waitUntil("a piece") { status()?.pieces ?? 0 > 0 }
      isAway.withLock { $0 = true }
      let before = oracle.acknowledged
      let commits = try #require(status()).commits
      // Packs and snapshots get through. One may have begun before.
      try await waitUntil("a commit of now") { status()?.commits ?? 0 >= commits + 2 }
      #expect(try #require(status()).bytesAtRisk <= 100_000)
      #expect(try place.restore().operation >= before)
      isAway.withLock { $0 = false }
      let acknowledged = oracle.acknowledged
      let back = Date()
      try await waitUntil("the tail to go on") { status()?.safe ?? .distantPast > back }
      #expect(try place.restore().operation >= acknowledged)
    }
  }

  /// As by a kill between two deletions.
  @Test func aFoldThatIsCutOffInTheMiddleLosesNothingAndIsEndedLater() async throws {
    let deletions = Mutex(0)
    let isAway = Mutex(true)
    try await WatchFixture.watching {
      $0.commitEvery = 1
      $0.commit.repository = try Repository.open(
        FaultyStore(DirectoryStore($1.location)) { call in
          guard case .delete(let names) = call, names.contains(where: { $0.hasPrefix("tail/") }),
            isAway.withLock({ $0 })
          else { return .done }
          return deletions.withLock { count in
            count += 1
            return count == 1 && names.count > 1 ? .halfDone : .refused
          }
        }, password: WatchFixture.password)
    } _: { place, oracle, status in
      let diary = Diary()
      try await waitUntil("half a fold") {
        diary.note(oracle)
        return deletions.withLock { $0 } > 2
      }
      let halved = try #require(status())
      #expect(halved.fault?.contains("away") == true)
      let safe = try #require(halved.safe)
      #expect(try place.restore(place.image(0, safe).location).operation >= diary.acknowledged(by: safe))
      isAway.withLock { $0 = false }
      let volume = try #require(try FileSystem.names(in: "\(place.location)/tail").first)
      try await waitUntil("the rest of it") {
        let chains = (try? FileSystem.names(in: "\(place.location)/tail/\(volume)")) ?? []
        return chains.count <= 1 && status()?.fault == nil
      }
      #expect(try place.restore().operation >= diary.acknowledged(by: safe))
    }
  }

  /// It is the newest, and has no tail: what the watch stored on its own backup reaches further.
  @Test func aBackupBesideTheWatchTakesNothingAway() async throws {
    try await WatchFixture.watching { place, oracle, status in
      try await waitUntil("a piece") { status()?.pieces ?? 0 > 0 }
      var beside = try place.request(Cancellation()).commit
      beside.scratch = "\(place.scratch)/views beside"
      let asked = beside
      let made = try await onThread { try CommitWorkflow(asked).run() }
      #expect(try CommitHistory(place.repository()).find("latest").id == made.id)
      let acknowledged = oracle.acknowledged
      let after = Date()
      try await waitUntil("a later tick") { status()?.safe ?? .distantPast > after }
      #expect(try place.restore().operation >= acknowledged)
      #expect(try #require(status()).commits == 1)
    }
  }

  /// A node that is started again, and a database that is put aside for another, as a restore does.
  @Test(arguments: [false, true])
  func whateverComesAfterTheNodeWasKilledIsFollowed(_ isAnother: Bool) async throws {
    try await WatchFixture.watchingAndWriting { place, oracle, status, writer, arguments in
      try await waitUntil("a piece") { status()?.pieces ?? 0 > 0 }
      writer.send(SIGKILL)
      let killed = Date()
      try await waitUntil("a look at what the dead left") { status()?.safe ?? .distantPast > killed }
      #expect(try place.restore().operation >= oracle.acknowledged)
      if isAnother {
        rename("\(place.volume)/rocksdb", "\(place.scratch)/aside")
        (oracle.acknowledged, oracle.started) = (0, 0)
      }
      let before = oracle.acknowledged
      try await withWriter(arguments) { _ in
        try await waitUntil("300 operations more") { oracle.acknowledged > before + 300 }
        let acknowledged = oracle.acknowledged
        let later = Date()
        try await waitUntil("a look at the new one") { status()?.safe ?? .distantPast > later }
        let made = try place.restore()
        #expect(made.operation >= acknowledged && made.operation <= oracle.started)
      }
      #expect(try #require(status()).commits >= 2)
    }
  }

  /// Two machines know nothing of each other but what lies in the repository.
  @Test func ofTwoThatFollowAVolumeTheLaterOneGoesOn() async throws {
    let laterEnded = Atomic(false)
    let error = await #expect(throws: GoudError.self) {
      try await WatchFixture.watching { request, _ in
        request.commitEvery = 1
      } _: { place, _, status in
        try await waitUntil("a piece") { status()?.pieces ?? 0 > 0 }
        var later = try place.request(Cancellation())
        later.home = "\(place.scratch)/later"
        later.commit.scratch = "\(place.scratch)/later views"
        later.commitEvery = 1
        later.commits = 6
        let asked = later
        try await onThread { try Watch(asked).run() }
        laterEnded.store(true, ordering: .relaxed)
      }
    }
    #expect(error?.code == .repositoryForked)
    let ended = laterEnded.load(ordering: .relaxed)
    #expect(ended)
  }

  @Test func aSecondOneOnTheSameMachineIsTurnedAwayAtOnce() async throws {
    try await WatchFixture.watching { place, _, status in
      try await waitUntil("a tick") { status() != nil }
      let request = try place.request(Cancellation())
      let error = #expect(throws: GoudError.self) { try Watch(request).run() }
      #expect(error?.code == .repositoryForked)
    }
  }
}

extension FaultyStore {
  /// It takes no piece of a tail while it is said to be away.
  convenience init(_ store: any BlobStore, withoutTailWhile isAway: @escaping @Sendable () -> Bool) {
    self.init(store) { call in
      if case .put(let name) = call, name.hasPrefix("tail/"), isAway() { return .refused }
      return .done
    }
  }
}
