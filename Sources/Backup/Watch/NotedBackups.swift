import Foundation
public import Volumes

/// The backups in repositories that this machine has made, as it has noted them: what `volume check` can say without a
/// password. Whether a repository still has them, only the repository tells.
public enum NotedBackups {
  /// - Parameter home: the environment's, `$GOUD_HOME/<environment>`.
  /// - Returns: of each volume the newest one, of a watch or of `backup create --repo`.
  public static func newest(home: String) -> [String: LastBackup] {
    let good = BackupRecord.read(home: home)?.lastGood
    var newest: [String: LastBackup] = [:]
    if let good, let archive = good.archive {
      for volume in good.volumes ?? [] { newest[volume] = LastBackup(archive: archive, timestamp: good.began) }
    }
    guard let watch = (try? WatchStatus.read(home: home)) ?? nil else { return newest }
    for (volume, backup) in watch.backups where backup.taken > newest[volume]?.timestamp ?? .distantPast {
      newest[volume] = LastBackup(
        archive: "\(watch.repository) \(backup.commit)", timestamp: backup.taken, unproven: backup.unproven)
    }
    return newest
  }
}
