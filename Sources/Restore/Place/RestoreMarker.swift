import Chain
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// `.goud-restore.json` in the root of a directory that takes part in a swap. It moves with the directory, so where it
/// is found says how far the swap has come: in the staging directory, not swapped; in the volume, swapped and not
/// confirmed. Written before the first byte of data, removed when all is confirmed.
struct RestoreMarker: Codable, Equatable {
  static let fileName = RestoreGate.markerName

  enum State: String, Codable {
    /// The data beside it may be incomplete.
    case building
    /// The data of every volume of this restore is complete, proven and on the device.
    case proven
  }

  /// 16 hexadecimal digits, the same for every volume of one restore.
  var id: String
  /// The backup's name and the digest of its file; the digest is nil when the file was not read whole.
  var backup: String
  var sha256: String?
  /// Set for a rollback: the safety copy (its stamp) that the staging directory is, and becomes again if it ends here.
  var rollbackOf: String?
  var started: Date
  /// The volume that this directory is to become, and all volumes of this restore; absolute.
  var volume: String
  var volumes: [String]
  var state: State
  /// The stamp of the safety copy that the present data becomes: the same for all volumes.
  var safetyCopy: String
  /// What the root's modification time is set to when the marker is removed: seconds and nanoseconds since 1970.
  var rootModified: [Int64]?

  static func newIdentifier() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// - Returns: nil when the directory has none, or is not there.
  /// - Throws: `restore.unproven` when it cannot be understood: nothing is decided by guessing.
  static func read(in directory: String) throws -> RestoreMarker? {
    let path = "\(directory)/\(fileName)"
    guard try FileSystem.status(path)?.isRegular == true else { return nil }
    let bytes = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 20)
    do {
      let decoder = JSONDecoder()
      decoder.dateDecodingStrategy = .iso8601
      return try decoder.decode(RestoreMarker.self, from: Data(bytes))
    } catch {
      throw GoudError(
        .restoreUnproven, "\(path), the marker of an unfinished restore, cannot be read",
        hint: "see docs/disaster-recovery.md, \"when a restore stops\", and decide by hand", context: ["path": path],
        cause: error)
    }
  }

  /// Durable when it returns.
  func write(in directory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    try AtomicFile.write(Array(try encoder.encode(self)) + [10], to: "\(directory)/\(Self.fileName)")
  }

  /// Durable when it returns; does nothing when there is none.
  func remove(from directory: String) throws {
    try AtomicFile.removeLeftovers(in: directory)
    guard unlink("\(directory)/\(Self.fileName)") == 0 || errno == ENOENT else {
      throw GoudError.system("remove", "\(directory)/\(Self.fileName)")
    }
    let root = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
    if let rootModified, rootModified.count == 2 {
      try root.setModified(timespec(tv_sec: Int(rootModified[0]), tv_nsec: Int(rootModified[1])))
    }
    try root.synchronize()
  }
}

extension Descriptor {
  func setModified(_ time: timespec) throws {
    let times = [try status().st_atim, time]
    guard futimens(fd, times) == 0 else { throw GoudError.system("set the times of", path) }
  }
}
