import BlobStore
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

@Suite struct LockTests {
  private static let elsewhere = Owner(username: "ada", hostname: "far-away", pid: 4242, uid: 1000, gid: 1000)

  private func put(
    _ repository: Repository, exclusive: Bool, owner: Owner = LockTests.elsewhere, age: TimeInterval = 0
  ) throws -> ObjectID {
    let file = LockFile(time: Date(timeIntervalSinceNow: -age), isExclusive: exclusive, owner: owner)
    return try repository.saveUnpacked(try file.json, in: .locks)
  }

  @Test func sharedOnesAreHeldBesideEachOther() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let one = try repository.lock(exclusive: false, settle: 0)
      let other = try repository.lock(exclusive: false, settle: 0)
      let held = try repository.locks()
      #expect(Set(held.map(\.id)) == [one.id, other.id])
      #expect(held.allSatisfy { $0.file?.owner == .current && $0.file?.isExclusive == false && !$0.isStale })
      try one.release()
      try other.release()
      try other.release()
      let left = try repository.locks()
      #expect(left.isEmpty)
    }
  }

  @Test func anExclusiveOneWantsNobodyElse() async throws {
    try await Place.make { place in
      let repository = try place.create()
      for isExclusive in [false, true] {
        let held = try repository.lock(exclusive: isExclusive, settle: 0)
        #expect(failure { try repository.lock(exclusive: true, settle: 0) }?.code == .repositoryLocked)
        try held.release()
      }
      let held = try repository.lock(exclusive: true, settle: 0)
      let error = failure { try repository.lock(exclusive: false, settle: 0) }
      #expect(error?.code == .repositoryLocked)
      #expect(try place.files("locks").count == 1)
      try held.release()
    }
  }

  @Test func aRefusalTellsWhoHoldsIt() async throws {
    try await Place.make { place in
      let repository = try place.create()
      _ = try put(repository, exclusive: true, age: 5 * 60 + 10)
      let error = try #require(failure { try repository.lock(exclusive: false, settle: 0) })
      for part in ["4242", "ada", "far-away", "5 min"] { #expect(error.message.contains(part), "\(error)") }
      #expect(error.hint == "wait for it to end")
    }
  }

  @Test(arguments: Restic.allCases) func resticSeesGoudsLocksAndGoudResticsOwn(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      let repository = try place.create()
      let lock = try repository.lock(exclusive: true, settle: 0, refreshEvery: 3600)
      let said = try await place.restic("list", "snapshots")
      #expect(said.status != 0)
      #expect(said.errors.contains("PID \(getpid())"), "\(said.errors)")
      #expect(try await place.sound("list", "locks").contains(lock.id.hex))
      #expect(try await place.sound("cat", "--no-lock", "lock", lock.id.hex).contains("\"exclusive\": true"))
      try lock.release()
      try await place.sound("list", "snapshots")
    }
  }

  @Test func staleOnesAreInTheWayUntilUnlock() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let old = try put(repository, exclusive: true, age: 31 * 60)
      let error = try #require(failure { try repository.lock(exclusive: false, settle: 0) })
      #expect(error.code == .repositoryLocked)
      #expect(error.hint == "goud repo unlock")
      let fresh = try put(repository, exclusive: false, age: 29 * 60)
      let removed = try repository.unlock()
      #expect(removed.map(\.id) == [old])
      let left = try repository.locks()
      #expect(left.map(\.id) == [fresh])
    }
  }

  @Test func theLockOfAProcessThatIsGoneIsStaleOnItsOwnMachineOnly() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/true")
      try process.run()
      process.waitUntilExit()
      var dead = Owner.current
      dead.pid = process.processIdentifier
      let here = try put(repository, exclusive: true, owner: dead)
      dead.hostname = "far-away"
      let there = try put(repository, exclusive: true, owner: dead)
      let removed = try repository.unlock()
      #expect(removed.map(\.id) == [here])
      let left = try repository.locks()
      #expect(left.map(\.id) == [there])
    }
  }

  @Test func aLockThatCannotBeReadIsNeverPassedOver() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let id = try put(repository, exclusive: false)
      try place.flip("\(place.location)/\(RepositoryName.object(id.hex, in: .locks))", at: 20)
      #expect(failure { try repository.lock(exclusive: false, settle: 0) }?.code == .repositoryLocked)
      #expect(try repository.unlock().isEmpty)
      #expect(try repository.unlock(all: true).count == 1)
    }
  }

  @Test func aHeldLockIsWrittenAnew() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let lock = try repository.lock(exclusive: false, settle: 0, refreshEvery: 0.01)
      let first = lock.id
      try await waitUntil("a new lock") { lock.id != first }
      try lock.check()
      try lock.release()
      let left = try repository.locks()
      #expect(left.isEmpty)
    }
  }

  @Test func aLockThatSomebodyRemovedIsLost() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let lock = try repository.lock(exclusive: false, settle: 0, refreshEvery: 0.05)
      try await waitUntil("the lock to be lost") {
        try repository.unlock(all: true)
        return failure { try lock.check() } != nil
      }
      #expect(failure { try lock.check() }?.code == .repositoryLocked)
      try lock.release()
    }
  }

  /// Both write theirs before either looks again: at most one of them may go on.
  @Test func ofTwoAtTheSameTimeAtMostOneIsExclusive() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try await withThrowingTaskGroup(of: RepositoryLock?.self) { group in
        for _ in 0..<4 { group.addTask { try? repository.lock(exclusive: true, settle: 0.2) } }
        var held: [RepositoryLock] = []
        for try await lock in group { if let lock { held.append(lock) } }
        #expect(held.count <= 1)
        for lock in held { try lock.release() }
      }
      let left = try repository.locks()
      #expect(left.isEmpty)
    }
  }

  /// Nobody waits for the other to be seen: whoever writes before he looks is seen by one who looks after he has written.
  @Test(arguments: SteppedStore.orders(of: "xxx", and: "ss"))
  func aSharedAndAnExclusiveOneAreNeverHeldBesideEachOther(_ order: String) async throws {
    try await Place.make { place in
      try place.create()
      let script = SteppedStore.Script(order)
      let held = try await withThrowingTaskGroup(of: (Bool, RepositoryLock?).self) { group in
        for (name, isExclusive) in [("x", true), ("s", false)] {
          let repository = try Repository.open(
            SteppedStore(place.store, name.first!, script), password: Place.password)
          group.addTask {
            try await onThread {
              let lock = try? repository.lock(exclusive: isExclusive, settle: 0)
              script.leave(name.first!)
              return (isExclusive, lock)
            }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }.filter { $0.1 != nil }
      }
      #expect(held.count <= 1, "\(order)")
      // One after the other, the first one gets it.
      if order == "xxxss" || order == "ssxxx" { #expect(held.map(\.0) == [order.hasPrefix("x")]) }
      for (_, lock) in held { try lock?.release() }
      let left = try place.open().locks()
      #expect(left.isEmpty)
    }
  }

  @Test func aSharedOneIsOnePutAndOneListing() async throws {
    try await Place.make { place in
      try place.create()
      let repository = try place.open()
      let before = repository.store.requests.counts
      let lock = try repository.lock(exclusive: false)
      let asked = repository.store.requests.counts - before
      #expect(asked[.put] == 1 && asked[.list] == 1 && asked.total == 2)
      try lock.release()
    }
  }
}
