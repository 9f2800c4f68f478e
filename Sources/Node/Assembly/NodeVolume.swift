import Chain
import GoudCore
import Replication

/// A node's volume as the node itself needs it: where things are, and that it may be opened.
public struct NodeVolume: DurableVolume {
  /// The volume's directory.
  public let path: String
  public var database: String { "\(path)/rocksdb" }
  var keyFile: String { "\(path)/validator_key" }

  /// What a restore leaves in the root of a volume that it has not finished with.
  static let restoreMarker = ".goud-restore.json"

  public init(_ path: String) { self.path = path }

  /// Refuses what a node must not open; nothing is changed.
  /// - Throws: `volume.not-found`, `volume.not-a-directory`, `restore.pending`.
  func check() throws {
    guard let status = try FileSystem.status(path) else {
      throw GoudError(.volumeNotFound, "there is no volume at \(path)", hint: "found a network, or name its volume")
    }
    guard status.isDirectory else { throw GoudError(.volumeNotDirectory, "\(path) is not a directory") }
    guard try FileSystem.status("\(path)/\(Self.restoreMarker)") == nil else {
      throw GoudError(
        .restorePending, "a restore of \(path) has not been finished",
        hint: "run goud restore again, or goud restore --rollback", context: ["path": path])
    }
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
    guard let file = try StandingFile.read(volume: path) else { return .absent }
    return StandingRecord(
      standing: file.isMember ? .member : .rejoining, beginning: file.beginning, reign: file.reign)
  }

  func write(_ standing: StandingRecord, reason: StandingReason) throws {
    let file = StandingFile(
      isMember: standing.standing == .member, beginning: standing.beginning, reign: standing.reign,
      reason: reason.rawValue)
    try file.write(volume: path)
  }
}
