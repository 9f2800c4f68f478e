import Foundation
import GoudCore
import Layout
import Restore
import Volumes

/// Deletes expired safety copies, each volume for itself.
struct SafetyCopyPrune {
  private let request: PruneRequest
  /// The backups' moments witness the age of safety copies too: these are too few to tell what is usual.
  private let clock: ClockEvidence
  private let doubt: String?
  private let problems: Problems

  init(_ request: PruneRequest, _ clock: ClockEvidence, _ problems: Problems) {
    (self.request, self.clock, self.problems) = (request, clock, problems)
    // The volumes may lie on another file system than the backups.
    let own = ClockEvidence(
      now: request.now, moments: [], fileClock: request.fileClock(request.volumes),
      confirmed: request.clockIsConfirmed)
    doubt = clock.doubt ?? own.doubt
  }

  func run() throws -> [PruneReport.Item] {
    let names = try problems.note(request.volumes, otherwise: []) { try SafetyCopy.names(in: request.volumes) }
    return try names.flatMap { name in
      let path = "\(request.volumes)/\(name)"
      let copies = try problems.note(path, otherwise: []) { try SafetyCopy.all(of: VolumePlace(path)) }
      return try copies.map { copy in
        let kept = (false, "it could not be decided on", true)
        let (deletes, reason, stuck) = try problems.note(copy.path, otherwise: kept) { try decide(copy) }
        return PruneReport.Item(
          path: copy.path, taken: copy.moment, bytes: .zero, deleted: deletes, reason: reason, stuck: stuck)
      }
    }
  }

  private func decide(_ copy: SafetyCopy) throws -> (Bool, String, stuck: Bool) {
    guard !copy.moment.isAhead(of: clock.now) else { return (false, "from the future", false) }
    let age = Int(clock.age(of: copy.moment) / 86400)
    guard age >= request.safetyCopyDays else { return (false, "\(age) of \(request.safetyCopyDays) days old", false) }
    if let doubt { return (false, "\(age) days old, but \(doubt)", true) }
    guard try PresentVolume(at: copy.place).isVolume else { return (false, "the volume itself is not there", false) }
    guard try PendingRestore.find(at: copy.place).isEmpty else { return (false, "a restore is unfinished", false) }
    guard !request.dryRun else { return (true, "\(age) days old", false) }
    return try discard(copy)
      ? (true, "\(age) days old", false) : (false, "the volume is in use by another run of goud", false)
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
    try Discard.directory(copy.path, of: copy.place, copy.site)
    try Discard.leftovers(of: copy.place)
    withExtendedLifetime(locks) {}
    return true
  }
}
