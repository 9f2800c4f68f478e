import BlobStore
import Foundation
import GoudCore
import Layout

/// The right to work in a repository, as other runs of Goud and of restic see it; written anew every five minutes.
///
/// Shared: to read and to add. Exclusive: to delete. Of the two only shared ones are held beside each other.
public final class RepositoryLock: @unchecked Sendable {
  private let repository: Repository
  private let isExclusive: Bool
  private let owner: Owner
  private let interval: TimeInterval
  private let condition = NSCondition()
  /// Signalled when it is released. Waits by a clock that nobody sets: a lock that is not written anew goes stale.
  private let wake = DispatchSemaphore(value: 0)
  // Guarded by `condition`.
  private var current: ObjectID
  private var written: (time: Date, moment: ContinuousClock.Instant)
  private var isReleased = false
  private var isRunning = true
  private var failure: GoudError?

  /// What is not written for so long may be taken for stale by another host some minutes later.
  private static let lostAfter = Duration.seconds(LockFile.staleAfter - 5 * 60)

  init(_ repository: Repository, _ id: ObjectID, _ file: LockFile, refreshEvery interval: TimeInterval) {
    self.repository = repository
    (isExclusive, owner) = (file.isExclusive, file.owner)
    self.interval = interval
    (current, written) = (id, (file.time, .now))
    let thread = Thread { self.keep() }
    thread.name = "repository-lock"
    thread.start()
  }

  /// The object that stands for it now.
  public var id: ObjectID { condition.withLock { current } }

  /// To be called before each step that relies on the lock.
  /// - Throws: `repository.locked` when somebody removed it, or when it could not be written anew for 25 minutes.
  public func check() throws {
    condition.lock()
    defer { condition.unlock() }
    if let failure { throw failure }
    guard .now - written.moment < Self.lostAfter else {
      throw Self.lost("it could not be written anew since \(RFC3339.text(written.time))", repository)
    }
  }

  /// Gives it back. Only the first call does anything.
  /// - Throws: when it cannot be deleted; then it goes stale in 30 minutes.
  public func release() throws {
    condition.lock()
    let isFirst = !isReleased
    isReleased = true
    wake.signal()
    while isRunning { condition.wait() }
    let id = current
    condition.unlock()
    if isFirst { try repository.remove([id], in: .locks) }
  }

  // MARK: Refreshing

  private func keep() {
    while waits() { refresh() }
    condition.lock()
    isRunning = false
    condition.broadcast()
    condition.unlock()
  }

  /// - Returns: false when it is released.
  private func waits() -> Bool {
    _ = wake.wait(timeout: .now() + interval)
    return condition.withLock { !isReleased && failure == nil }
  }

  /// The new object is there before the old one goes.
  private func refresh() {
    let old = id
    do {
      guard try repository.store.status(of: RepositoryName.object(old.hex, in: .locks)) != nil else {
        condition.withLock { failure = Self.lost("somebody removed it", repository) }
        return
      }
      let file = LockFile(time: Date(), isExclusive: isExclusive, owner: owner)
      let new = try repository.saveUnpacked(try file.json, in: .locks)
      condition.withLock { (current, written) = (new, (file.time, .now)) }
      try repository.remove([old], in: .locks)
    } catch {
      // Tried again after the next interval; `check` says when that is too late.
    }
  }

  private static func lost(_ why: String, _ repository: Repository) -> GoudError {
    GoudError(
      .repositoryLocked, "the lock on \(repository.store.location) is lost: \(why)",
      hint: "see that nobody else is at work there, and begin again")
  }
}
