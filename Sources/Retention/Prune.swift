import BlobStore
import Foundation
import GoudCore
import Layout
import Volumes

/// Deletes expired backups of one environment and expired safety copies of its volumes.
public struct Prune {
  private let request: PruneRequest
  private let problems = Problems()

  public init(_ request: PruneRequest) { self.request = request }

  /// Before anything is deleted, the very backups that the deleted ones are given up for are read whole, whatever their
  /// records say. Each archive is deleted in one step; what belongs to it follows. What cannot be looked at, read or
  /// deleted is a problem in the report, and the rest goes on.
  /// - Throws: `volume.locked` while another prune is at the same directory; what keeps the archives from being listed;
  ///   `run.interrupted`, `run.terminated`.
  public func run() throws -> PruneReport {
    try run(
      try request.store.map { try StoreShelf($0, environment: request.environment, trust: request.trust) }
        ?? BackupShelf(directory: request.backups, environment: request.environment, trust: request.trust))
  }

  func run(_ shelf: any Shelf) throws -> PruneReport {
    let lock = try FileSystem.status(request.backups) != nil ? try DirectoryLock(request.backups, orGoOn: true) : nil
    defer { withExtendedLifetime(lock) {} }
    let archives = try shelf.archives()
    let clock = ClockEvidence(
      now: request.now, moments: archives.map(\.taken),
      fileClock: request.store == nil ? request.fileClock(request.backups) : nil,
      confirmed: request.clockIsConfirmed)
    let decisions = try decide(try archives.map { try look($0, shelf) }, shelf, clock)
    if !request.dryRun { try delete(decisions, shelf, clock) }
    let copies = try request.store == nil ? SafetyCopyPrune(request, clock, problems).run() : []
    return PruneReport(
      dryRun: request.dryRun, backups: decisions.map { item($0) }, safetyCopies: copies, problems: problems.found,
      doubt: clock.doubt)
  }

  private func item(_ decision: Retention.Decision) -> PruneReport.Item {
    let path = decision.backup.path
    return PruneReport.Item(
      path: path, taken: decision.backup.taken, bytes: decision.backup.bytes,
      deleted: decision.deletes && !problems.concern(path), reason: decision.reason, stuck: decision.isStuck)
  }

  private func look(_ archive: BackupFacts, _ shelf: any Shelf) throws -> BackupFacts {
    var failed = archive.broken("it could not be looked at")
    failed.contents = .untold("it could not be looked at")
    return try problems.note(archive.path, otherwise: failed) { try shelf.look(archive) }
  }

  /// Decides on records, reads what the decision leans on, and decides again when that turns something up. Each archive
  /// is read once at most, so this ends.
  private func decide(
    _ facts: [BackupFacts], _ shelf: any Shelf, _ clock: ClockEvidence
  ) throws -> [Retention.Decision] {
    let retention = Retention(days: request.backupDays, clock: clock)
    var facts = facts
    var read = Set(facts.map(\.path).filter { request.readBack.contains(FileSystem.name(of: $0)) })
    while true {
      let decisions = retention.decide(facts)
      let unread = decisions.reduce(into: Set<String>()) { $0.formUnion($1.leansOn) }.subtracting(read)
      guard !request.dryRun, !unread.isEmpty else { return decisions }
      for index in facts.indices where unread.contains(facts[index].path) {
        facts[index] = try reread(facts[index], shelf)
      }
      read.formUnion(unread)
    }
  }

  /// That a finding cannot be kept does not unmake it: on a full disk, nothing could be deleted otherwise.
  private func reread(_ archive: BackupFacts, _ shelf: any Shelf) throws -> BackupFacts {
    let failed = Reading(facts: archive.broken("it could not be read"), finding: nil)
    let reading = try problems.note(archive.path, otherwise: failed) { try shelf.read(archive, request) }
    if let finding = reading.finding {
      try problems.note(BackupName.verification(of: archive.path), otherwise: ()) {
        try shelf.note(finding, of: archive.path, now: request.now)
      }
    }
    return reading.facts
  }

  private func delete(_ decisions: [Retention.Decision], _ shelf: any Shelf, _ clock: ClockEvidence) throws {
    for decision in decisions where decision.deletes {
      try request.cancellation.check()
      try problems.note(decision.backup.path, otherwise: ()) { try shelf.delete(decision.backup.path) }
    }
    guard clock.doubt == nil else { return }
    for path in try problems.note(request.backups, otherwise: [], { try shelf.orphans(now: request.now) }) {
      try problems.note(path, otherwise: ()) { try shelf.removeOrphan(path) }
    }
  }
}
