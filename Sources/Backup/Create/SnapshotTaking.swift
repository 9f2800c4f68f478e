import GoudCore
import VolumeSnapshot
import Volumes

/// Takes the snapshots of a backup's volumes, and says what of them goes into it.
struct SnapshotTaking {
  let volumes: [Volume]
  /// Where the copies of logs lie meanwhile.
  let scratch: String
  let allowUnproven: Bool
  let oneFileSystem: Bool
  let cancellation: Cancellation

  /// - Parameter copyingTables: whether tables are copied before they are proven (`BackupWorkflow.store`).
  /// - Returns: also when the last snapshot was there, and the looks that they took together.
  func run(copyingTables: Bool) throws -> (
    selection: BackupSelection, taken: ContinuousClock.Instant, attempts: Int
  ) {
    let snapshots = try volumes.map { ($0, try snapshot($0, copyingTables: copyingTables)) }
    let taken = ContinuousClock.now
    return (
      try BackupSelection(snapshots, allowUnproven: allowUnproven), taken,
      snapshots.flatMap(\.1.databases).map(\.attempts).reduce(0, +)
    )
  }

  private func snapshot(_ volume: Volume, copyingTables: Bool) throws -> VolumeSnapshot {
    var options = SnapshotOptions(scratch: scratch)
    options.copiesTables = copyingTables
    options.allowUnproven = allowUnproven
    options.oneFileSystem = oneFileSystem
    options.cancellation = cancellation
    do {
      return try Pace.process.work { try VolumeSnapshot.take(volume.path, options: options) }
    } catch let error as GoudError {
      throw error.within(volume.name)
    }
  }
}
