import BlobStore
public import Foundation
import GoudCore
import Layout

extension Repository {
  /// A lock that lies in the repository.
  public struct HeldLock: Sendable, Equatable {
    public let id: ObjectID
    /// nil: it cannot be read, and so counts as an exclusive one of somebody unknown.
    public let file: LockFile?
    /// Whether nobody holds it any more.
    public let isStale: Bool
  }

  /// Takes a lock by restic's protocol: written first, and then nobody's seen in the way. Whoever else does so at the same
  /// time has written his before he looks, so at least one of the two sees the other's.
  ///
  /// An exclusive one is asked for only where none is in the way before, so that nobody's work ends because of one that
  /// is refused, and where a shared one could be deleted again. A stale lock is in the way too, as it is with restic:
  /// `unlock` removes it.
  /// - Parameters:
  ///   - exclusive: nobody else may hold any; else nobody else may hold an exclusive one.
  ///   - settle: how long others that write theirs at the same time have until it is seen, in seconds; nil: none for a
  ///     shared one in a store that lists at once what was put, else restic's 0.2.
  ///   - refreshEvery: seconds after which it is written anew.
  /// - Throws: `repository.locked`; for an exclusive one what keeps the store from deleting.
  public func lock(
    exclusive: Bool, owner: Owner = .current, settle: TimeInterval? = nil, refreshEvery interval: TimeInterval = 5 * 60
  ) throws -> RepositoryLock {
    if exclusive {
      try refuseConflict(exclusive: true, own: nil, owner)
      try refuseKeeping(owner)
    }
    let file = LockFile(time: Date(), isExclusive: exclusive, owner: owner)
    let id = try saveUnpacked(try file.json, in: .locks)
    do {
      Thread.sleep(forTimeInterval: settle ?? (!exclusive && store.listsAtOnce ? 0 : Self.settle))
      try refuseConflict(exclusive: exclusive, own: id, owner)
    } catch {
      try remove([id], in: .locks)
      throw error
    }
    return RepositoryLock(self, id, file, refreshEvery: interval)
  }

  /// What restic waits between writing its lock and looking again.
  private static let settle: TimeInterval = 0.2

  /// Does something under a lock.
  public func locked<Result>(
    exclusive: Bool, owner: Owner = .current, _ body: (RepositoryLock) throws -> Result
  ) throws -> Result {
    let lock = try lock(exclusive: exclusive, owner: owner)
    let result: Result
    do {
      result = try body(lock)
      try lock.check()
    } catch {
      try? lock.release()
      throw error
    }
    try lock.release()
    return result
  }

  /// The locks that lie there now.
  public func locks(seenBy observer: Owner = .current) throws -> [HeldLock] { try locks(but: nil, observer) }

  private func locks(but own: ObjectID?, _ observer: Owner) throws -> [HeldLock] {
    let now = Date()
    return try list(.locks).filter { $0.id != own }.compactMap { object in
      do {
        let file = LockFile(json: try loadUnpacked(object.id, in: .locks))
        return HeldLock(id: object.id, file: file, isStale: file?.isStale(at: now, seenBy: observer) ?? false)
      } catch let error as GoudError where error.code == .repositoryNotFound {
        return nil
      } catch let error as GoudError where error.code == .repositoryDamaged {
        return HeldLock(id: object.id, file: nil, isStale: false)
      }
    }
  }

  /// Removes the locks that nobody holds any more.
  /// - Parameter all: every lock, also those of runs that are going on.
  /// - Returns: those that were removed.
  @discardableResult
  public func unlock(all: Bool = false, seenBy observer: Owner = .current) throws -> [HeldLock] {
    let gone = try locks(seenBy: observer).filter { all || $0.isStale }
    try remove(gone.map(\.id), in: .locks)
    return gone
  }

  /// Where nothing may be deleted, an exclusive lock would keep every backup out from then on; a shared one does not.
  private func refuseKeeping(_ owner: Owner) throws {
    let file = LockFile(time: Date(), isExclusive: false, owner: owner)
    try remove([try saveUnpacked(try file.json, in: .locks)], in: .locks)
  }

  private func refuseConflict(exclusive: Bool, own: ObjectID?, _ observer: Owner) throws {
    let others = try locks(but: own, observer)
    guard let other = others.first(where: { exclusive || $0.file?.isExclusive != false }) else { return }
    throw Self.refusal(store.location, other)
  }

  private static func refusal(_ location: String, _ lock: HeldLock) -> GoudError {
    guard let file = lock.file else {
      return GoudError(
        .repositoryLocked, "\(location) has a lock that cannot be read: locks/\(lock.id)",
        hint: "if nobody is at work there, goud repo unlock --all", context: ["lock": lock.id.hex])
    }
    let minutes = max(0, Int(Date().timeIntervalSince(file.time) / 60))
    let owner = file.owner
    return GoudError(
      .repositoryLocked,
      "\(location) is locked\(file.isExclusive ? " exclusively" : "") by process \(owner.pid) of \(owner.username) on "
        + "\(owner.hostname), \(minutes) min ago\(lock.isStale ? "; nobody holds it any more" : "")",
      hint: lock.isStale ? "goud repo unlock" : "wait for it to end",
      context: [
        "lock": lock.id.hex, "host": owner.hostname, "pid": "\(owner.pid)", "user": owner.username,
        "time": RFC3339.text(file.time), "stale": "\(lock.isStale)",
      ])
  }
}
