public import Foundation
public import GoudCore

/// What was seen of a volume: all that the checks decide on.
public struct VolumeFacts: Sendable {
  public struct Database: Sendable, Equatable {
    public var path: String
    /// Live tables.
    public var tables: Int
    public var fault: DatabaseInspection.Fault?

    public init(path: String, tables: Int = 0, fault: DatabaseInspection.Fault? = nil) {
      self.path = path
      self.tables = tables
      self.fault = fault
    }
  }

  public var volume: String
  public var owner: UInt32
  public var fileSystem: Room
  public var bytes: ByteCount
  public var backupDirectory: String
  public var backupRoom: Room
  public var backing: VolumeBacking
  public var databases: [Database]
  public var secrets: [VolumeInventory.Secret]
  public var leftovers: [Leftover]
  public var restoreRunning: Bool
  public var restorePlace = RestorePlace()
  public var lastBackup: LastBackup?
  public var now: Date
}

/// Where the checks draw their lines.
public struct CheckThresholds: Sendable {
  /// Use of the file system in percent; above it is a finding, at it is not.
  public var warningPercent = 70
  public var criticalPercent = 85
  /// Whether backups are scheduled, so that an old one is a finding.
  public var backupsExpected = false
  /// The guide: two consecutive days without a backup.
  public var backupAge: TimeInterval = 2 * 86400

  public init() {}

  public init(_ configuration: GoudConfiguration) {
    warningPercent = configuration.volumeWarningPercent
    criticalPercent = configuration.volumeCriticalPercent
    backupsExpected = configuration.backupEnabled
  }
}
