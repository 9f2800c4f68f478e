import Backup
import Foundation
import GoudCore

/// What retention knows about one archive.
struct BackupFacts: Equatable, Sendable {
  enum State: Equatable, Sendable {
    /// Read whole since it was last changed, every checksum agreeing.
    case verified(proven: Bool)
    /// Nobody has read it since it was written or copied.
    case unverified
    /// Incomplete, or found damaged.
    case broken(String)
  }

  var path: String
  var environment: String
  /// From the name.
  var taken: Date
  var bytes: ByteCount
  var state: State
  /// Empty when it does not say.
  var volumes: [String]
}

/// Which backups go. Pure: facts and a moment in, decisions out.
///
/// An archive goes when it is older than the retention, and everything in it is also in a newer, verified backup. So the
/// newest verified backup of each volume never goes, whatever its age; a broken one stands in for nothing; and where
/// nothing is verified, nothing goes.
struct Retention: Sendable {
  struct Decision: Equatable, Sendable {
    let backup: BackupFacts
    let deletes: Bool
    let reason: String
  }

  var days: Int
  var now: Date

  func decide(_ backups: [BackupFacts]) -> [Decision] {
    let doubt = Self.doubt(now, backups.map(\.taken))
    return backups.sorted { $0.taken > $1.taken }.map { backup in
      let (deletes, reason) = doubt.map { (false, $0) } ?? decide(backup, among: backups)
      return Decision(backup: backup, deletes: deletes, reason: reason)
    }
  }

  private func decide(_ backup: BackupFacts, among all: [BackupFacts]) -> (Bool, String) {
    let state = if case .broken(let why) = backup.state { ", \(why)" } else { "" }
    guard backup.taken <= now else { return (false, "from the future\(state)") }
    let age = Int(now.timeIntervalSince(backup.taken) / 86400)
    guard age >= days else { return (false, "\(age) of \(days) days old\(state)") }
    let newer = all.filter { $0.environment == backup.environment && $0.isVerified && $0.stands(for: backup, now) }
    guard !newer.isEmpty else { return (false, "nothing newer of \(backup.environment) is verified\(state)") }
    if let only = backup.volumes.first(where: { volume in !newer.contains { $0.volumes.contains(volume) } }) {
      return (false, "nothing newer of \(only) is verified\(state)")
    }
    if backup.isProven, !newer.contains(where: \.isProven) { return (false, "nothing newer is proven\(state)") }
    return (true, "\(age) days old\(state)")
  }

  /// Why this clock cannot be trusted to delete anything; nil when it can. A clock that is behind deletes too little,
  /// which does no harm. One that is far ahead makes everything old at once: it shows as a gap of ten years between now
  /// and the newest backup that was not made under the same clock.
  static func doubt(_ now: Date, _ moments: [Date]) -> String? {
    let earlier = moments.filter { $0 < now - 86400 }
    guard let newest = earlier.max(), now.timeIntervalSince(newest) > 3650 * 86400 else { return nil }
    return "the clock says \(BackupStamp.text(now)), ten years after the newest backup before: nothing is deleted"
  }
}

extension BackupFacts {
  var isVerified: Bool { if case .verified = state { true } else { false } }
  fileprivate var isProven: Bool { state == .verified(proven: true) }

  fileprivate func stands(for other: BackupFacts, _ now: Date) -> Bool { taken > other.taken && taken <= now }
}
