import Archive
public import Foundation
import GoudCore
import Layout

/// The backups of an environment that one could go back to now. `restore latest`, `volume check`, repairs and the
/// metrics all ask here which is the newest.
///
/// Passed over: what is of another environment, incomplete, damaged or unreadable, and what is later than now: that was
/// made under a wrong clock, and would hide all others until its day has come.
public struct RecoveryPoints: Sendable {
  /// Newest first.
  public let backups: [BackupCatalog.Backup]
  /// Later than now; newest first.
  public let ahead: [BackupCatalog.Backup]
  /// Newer than the newest that counts, and passed over for their state.
  public let passedOver: [BackupCatalog.Backup]

  /// - Parameters:
  ///   - all: newest first, as a catalog lists them.
  ///   - states: what counts: `unproven` and `sealed` are a matter of who asks.
  public init(
    _ all: [BackupCatalog.Backup], of environment: String, counting states: Set<BackupCatalog.Backup.State>,
    now: Date = Date()
  ) {
    let own = all.filter { $0.environment == environment }
    ahead = own.filter { $0.taken?.isAhead(of: now) == true }
    let present = own.filter { $0.taken?.isAhead(of: now) == false }
    backups = present.filter { states.contains($0.state) }
    passedOver = Array(present.prefix { !states.contains($0.state) })
  }

  /// - Parameter volume: that it is to hold, by its name or its node's; nil: whatever it holds.
  public func newest(of volume: String? = nil) -> BackupCatalog.Backup? {
    guard let volume else { return backups.first }
    return backups.first { $0.unproven(volume) != nil || $0.unproven("\(volume)_data") != nil }
  }
}
