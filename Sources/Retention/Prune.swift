import Backup
import BlobStore
import Foundation
import GoudCore
import Restore

#if canImport(Glibc)
  import Glibc
#endif

/// What a prune looks at, and for how long things stay.
public struct PruneRequest: Sendable {
  public var environment: String
  /// The archives, and where two prunes exclude each other.
  public var backups: String
  /// The archives are here, not in the directory; safety copies are not looked at then.
  public var store: (any BlobStore)?
  /// The volumes with their safety copies.
  public var volumes: String
  public var backupDays: Int
  public var safetyCopyDays: Int
  public var dryRun = false
  public var now = Date()
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(environment: String, backups: String, volumes: String, backupDays: Int, safetyCopyDays: Int) {
    self.environment = environment
    self.backups = backups
    self.volumes = volumes
    self.backupDays = backupDays
    self.safetyCopyDays = safetyCopyDays
  }
}

/// What was or would be deleted, and why the rest stays.
public struct PruneReport: Sendable, Codable {
  public struct Item: Sendable, Codable {
    public let path: String
    public let taken: Date
    /// 0 for a safety copy: it is not measured.
    public let bytes: ByteCount
    public let deleted: Bool
    public let reason: String
  }

  public let dryRun: Bool
  /// Newest first.
  public let backups: [Item]
  public let safetyCopies: [Item]
}

/// Deletes expired backups of one environment and expired safety copies of its volumes.
public struct Prune: Sendable {
  private let request: PruneRequest

  public init(_ request: PruneRequest) { self.request = request }

  /// Before anything is deleted, the backups that the deleted ones are given up for are read again, unless that was done
  /// within a day. Each archive is deleted in one step; what belongs to it follows.
  /// - Throws: `volume.locked` while another prune is at the same directory.
  public func run() throws -> PruneReport {
    let lock = try FileSystem.status(request.backups) != nil ? try DirectoryLock(request.backups) : nil
    defer { withExtendedLifetime(lock) {} }
    let decisions = try decide()
    let copies = request.store == nil ? try safetyCopies() : []
    if !request.dryRun {
      for decision in decisions where decision.deletes { try shelf.delete(decision.backup.path) }
      if !isInDoubt(decisions) { try shelf.removeOrphans(now: request.now) }
    }
    return PruneReport(
      dryRun: request.dryRun,
      backups: decisions.map {
        .init(
          path: $0.backup.path, taken: $0.backup.taken, bytes: $0.backup.bytes, deleted: $0.deletes, reason: $0.reason)
      },
      safetyCopies: copies)
  }

  private var shelf: any Shelf {
    request.store.map { StoreShelf(stored: StoredBackups($0), environment: request.environment) }
      ?? BackupShelf(directory: request.backups, environment: request.environment)
  }

  private func isInDoubt(_ decisions: [Retention.Decision]) -> Bool {
    Retention.doubt(request.now, decisions.map(\.backup.taken)) != nil
  }

  // MARK: Backups

  /// Decides on records, reads what the decision leans on, and decides again while that turns something up.
  private func decide() throws -> [Retention.Decision] {
    let retention = Retention(days: request.backupDays, now: request.now)
    while true {
      let facts = try shelf.facts()
      let decisions = retention.decide(facts)
      guard !request.dryRun, decisions.contains(where: \.deletes) else { return decisions }
      let kept = decisions.filter { !$0.deletes }.map(\.backup)
      let leaned = Set(kept.flatMap(\.volumes)).compactMap { volume in
        kept.filter { $0.isVerified && $0.volumes.contains(volume) && $0.taken <= request.now }
          .max { $0.taken < $1.taken }
      }
      guard try Set(leaned.map(\.path)).sorted().allSatisfy({ try shelf.holds($0, request) }) else { continue }
      return decisions
    }
  }

  // MARK: Safety copies

  private func safetyCopies() throws -> [PruneReport.Item] {
    try SafetyCopy.places(in: request.volumes).flatMap { place -> [PruneReport.Item] in
      let copies = try SafetyCopy.all(of: place)
      return try copies.map { copy in
        let (deletes, reason) = try decide(copy, newest: copies[0].moment)
        return PruneReport.Item(path: copy.path, taken: copy.moment, bytes: .zero, deleted: deletes, reason: reason)
      }
    }
  }

  private func decide(_ copy: SafetyCopy, newest: Date) throws -> (Bool, String) {
    guard copy.moment <= request.now else { return (false, "from the future") }
    if let doubt = Retention.doubt(request.now, [newest]) { return (false, doubt) }
    let age = Int(request.now.timeIntervalSince(copy.moment) / 86400)
    guard age >= request.safetyCopyDays else { return (false, "\(age) of \(request.safetyCopyDays) days old") }
    guard try PresentVolume(at: copy.place).isVolume else { return (false, "the volume itself is not there") }
    guard try PendingRestore.find(at: copy.place).isEmpty else { return (false, "a restore is unfinished") }
    guard !request.dryRun else { return (true, "\(age) days old") }
    return try discard(copy) ? (true, "\(age) days old") : (false, "the volume is in use by another run of goud")
  }

  /// - Returns: false when another run has the volume, or began a restore meanwhile.
  private func discard(_ copy: SafetyCopy) throws -> Bool {
    let locks = VolumeLocks()
    do {
      try locks.take(copy.place)
    } catch let error as GoudError where error.code == .volumeLocked {
      return false
    }
    guard try PendingRestore.find(at: copy.place).isEmpty else { return false }
    try Discard.directory(copy.path, of: copy.place)
    try Discard.leftovers(of: copy.place)
    withExtendedLifetime(locks) {}
    return true
  }
}
