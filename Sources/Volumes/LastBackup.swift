public import Foundation

/// The newest backup of a volume: in the backup directory, or in a repository.
public struct LastBackup: Sendable, Codable, Equatable {
  /// Its absolute path; of a backup in a repository, the repository and the backup's id.
  public let archive: String
  /// When its snapshot was taken.
  public let timestamp: Date
  /// What could not be proven when it was made; empty for a proven one.
  public let unproven: [String]

  public init(archive: String, timestamp: Date, unproven: [String] = []) {
    self.archive = archive
    self.timestamp = timestamp
    self.unproven = unproven
  }

  /// - Returns: nil when no backup that counts holds the volume.
  init?(of volume: String, in points: RecoveryPoints) {
    guard let found = points.backups.first(where: { $0.unproven(volume) != nil }), let taken = found.taken,
      let unproven = found.unproven(volume)
    else { return nil }
    self.init(archive: found.path, timestamp: taken, unproven: unproven)
  }
}
