import Archive
import Backup
import Foundation
import GoudCore
import Repository
import Volumes

extension CommitRequest {
  /// - Parameter volumes: as the user names them; empty: all of the environment.
  init(_ configuration: GoudConfiguration, _ repository: Repository, volumes: [String]) throws {
    let (found, absent) = try ChosenVolumes.find(volumes, configuration)
    self.init(
      environment: configuration.environment, volumes: found, repository: repository,
      scratch: configuration.backupDirectory, toolVersion: Release.version)
    leftOut = absent
    cancellation = Signals.cancellation
  }
}

extension CommitResult {
  /// The backup stands; that its lock does too shows in the exit status (3).
  func refuseLeftLock() throws {
    guard let lockFault else { return }
    throw GoudError(
      .someFailed, "the backup is made, and its lock is left in the repository: \(lockFault)",
      hint: "goud repo unlock; whoever makes backups there must be let delete what is in locks/")
  }

  /// What a person wants to know of it.
  var summary: String {
    let volumes = metadata.volumes
    var lines = [
      "backup \(id) in \(repository)",
      "\(volumes.count) volume\(volumes.count == 1 ? "" : "s"), \(metadata.bytes): \(ByteCount(newBytes)) new, stored in "
        + "\(ByteCount(storedBytes)); \(ByteCount(reusedBytes)) were there (\(knownTables) tables not read)",
      "snapshot \(snapshotSeconds.inSeconds), stored in \(writeSeconds.inSeconds), nodes paused 0.0 s",
    ]
    if restedSeconds >= 1 {
      lines.append("  rested \(restedSeconds.inSeconds) of that: this machine is busy (BACKUP_NICE)")
    }
    for volume in volumes {
      let sequence = volume.databases.map { "\($0.sequence)" }.joined(separator: ", ")
      lines.append(
        "  \(volume.name): snapshot \(snapshots[volume.name]?.prefix(8) ?? "?"), \(volume.contents), "
          + "sequence number \(sequence)")
      lines += [volume.chain].compactMap { $0 }.map { "  \(volume.name): chain \($0.summary)" }
      lines += (volume.others ?? []).map { "  \(volume.name): stored as files: \($0.path): \($0.what)" }
      lines += volume.remarks.map { "  \(volume.name): \($0.0) \($0.1)" }
      lines += volume.unproven.map { "  \(volume.name): NOT PROVEN: \($0)" }
      lines += volume.databases.flatMap(\.notes).map { "  \(volume.name): \($0)" }
    }
    lines += (metadata.leftOut ?? []).map { "  \($0.volume): LEFT OUT: \($0.reason)" }
    return lines.map(Output.printable).joined(separator: "\n")
  }
}
