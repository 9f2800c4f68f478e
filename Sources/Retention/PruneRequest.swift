public import Archive
public import BlobStore
public import Foundation
public import GoudCore
import Volumes

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
  /// What an archive must show to stand in for others; `chain` is not looked at.
  public var trust = ArchiveTrust.anything
  public var dryRun = false
  /// The operator vouches for the clock, whatever speaks against it.
  public var clockIsConfirmed = false
  /// The archives, by name, that this very run has read whole: they are not read again.
  public var readBack: Set<String> = []
  public var now = Date()
  /// What the clock says that gives files in a directory their times; nil when it does not tell.
  var fileClock: @Sendable (String) -> Date? = { FileSystem.clock(of: $0) }
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
