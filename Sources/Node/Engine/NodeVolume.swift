import Chain
import GoudCore
import Layout
import Replication

/// A node's volume as the node itself needs it: where things are, and that it may be opened.
public struct NodeVolume: DurableVolume {
  /// The volume's directory.
  public let path: String
  public var database: String { "\(path)/\(VolumeName.database)" }
  var keyFile: String { "\(path)/\(VolumeName.validatorKey)" }

  public init(_ path: String) { self.path = path }

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

  func standing() throws -> StandingRecord {
    let standing = try VolumeStanding.read(in: path)
    return StandingRecord(
      standing: standing.standing == .member ? .member : .rejoining, beginning: standing.beginning,
      reign: standing.reign.map { Epoch(number: $0.epoch, nonce: $0.nonce) } ?? .none)
  }

  func write(_ record: StandingRecord, reason: StandingReason) throws {
    let reign = record.reign == .none ? nil : EpochPromise(epoch: record.reign.number, nonce: record.reign.nonce)
    let standing = VolumeStanding(
      record.standing == .member ? .member : .rejoining, beginning: record.beginning, reign: reign,
      reason: reason.rawValue)
    try standing.write(in: path)
  }
}
