import Chain
import GoudCore
import Layout
import Replication

/// A node's volume as the node itself needs it: where things are, and that it may be opened.
public struct NodeVolume: DurableVolume {
  /// The volume's directory.
  public let path: String
  public let progress: String?
  public var database: String { "\(path)/\(VolumeName.database)" }
  var keyFile: String { "\(path)/\(VolumeName.validatorKey)" }

  /// - Parameter progress: the directory outside of the volume that says how far the node has come, and is kept up by it;
  ///   nil: an old copy of the volume is not told from the newest.
  public init(_ path: String, progress: String? = nil) {
    self.path = path
    self.progress = progress
  }

  /// Refuses what a node must not open; nothing is changed.
  /// - Throws: `volume.not-found`, `volume.not-a-directory`, `restore.pending`.
  func check() throws {
    guard let status = try FileSystem.status(path) else {
      throw GoudError(.volumeNotFound, "there is no volume at \(path)", hint: "found a network, or name its volume")
    }
    guard status.isDirectory else { throw GoudError(.volumeNotDirectory, "\(path) is not a directory") }
    try RestoreGate.check(path)
  }

  func validatorKey() throws -> ValidatorKey {
    guard try FileSystem.status(keyFile) != nil else {
      throw GoudError(
        .chainKeyInvalid, "\(keyFile) is missing",
        hint: "put back the key that was made when the network was founded", context: ["path": keyFile])
    }
    return try ValidatorKey(path: keyFile)
  }

  /// - Throws: `volume.invalid-standing`, also when it is that of another node's volume.
  func standing() throws -> StandingRecord { try numberedStanding().record }

  /// - Throws: as `standing`.
  func numberedStanding() throws -> (record: StandingRecord, serial: UInt64) {
    let standing = try VolumeStanding.read(in: path)
    if !standing.key.isEmpty, try standing.key != validatorKey().publicKey {
      throw GoudError(
        .volumeStandingInvalid, "\(path)/\(VolumeName.standing) is that of another node's volume",
        hint: "remove the file, and the volume rejoins the network before it counts", context: ["path": path])
    }
    let record = StandingRecord(
      standing: standing.standing, beginning: standing.beginning,
      reign: standing.reign.map { Epoch(number: $0.epoch, nonce: $0.nonce) } ?? .none)
    return (record, standing.serial)
  }

  func write(_ record: StandingRecord, reason: StandingReason, after serial: UInt64) throws -> UInt64 {
    let reign = record.reign == .none ? nil : EpochPromise(epoch: record.reign.number, nonce: record.reign.nonce)
    let standing = VolumeStanding(
      record.standing, beginning: record.beginning, reign: reign,
      reason: reason.rawValue)
    return try standing.write(in: path, after: serial)
  }
}
