public import GoudCore

/// What one check found at one volume.
public struct Finding: Sendable, Codable, Equatable {
  /// Ordered: a run ends with its worst.
  public enum Level: String, Sendable, Codable, Comparable, CaseIterable {
    case ok, warning, critical

    public static func < (left: Level, right: Level) -> Bool {
      allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
    }

    public var exitStatus: ExitStatus {
      switch self {
      case .ok: .done
      case .warning: .warning
      case .critical: .critical
      }
    }
  }

  public enum Check: String, Sendable, Codable, CaseIterable {
    /// Use of the file system.
    case fileSystem = "file-system"
    /// What carries the volume, and whether it could be expanded.
    case driver
    /// Room for the next backup.
    case backupRoom = "backup-room"
    /// `CURRENT` → `MANIFEST` → live files, with their sizes; every log record.
    case database
    /// Owner and mode of keys.
    case secrets
    /// What interrupted runs left, and safety copies.
    case leftovers
    /// Whether a restore into this place could work.
    case restore
    case lastBackup = "last-backup"
    /// What the last backup of the environment came to.
    case backupRuns = "backup-runs"
    /// What would be lost with the site, where a watch follows the environment's volumes.
    case dataAtRisk = "data-at-risk"
    /// Whether the volume could be looked at at all.
    case access
  }

  /// The volume's name; empty for what belongs to no volume.
  public let volume: String
  public let check: Check
  public let level: Level
  public let message: String
  /// What to do; nil when nothing needs to be done.
  public let hint: String?

  public init(_ volume: String, _ check: Check, _ level: Level, _ message: String, hint: String? = nil) {
    self.volume = volume
    self.check = check
    self.level = level
    self.message = message
    self.hint = hint
  }
}
