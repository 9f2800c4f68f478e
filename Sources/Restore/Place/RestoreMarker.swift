import Chain
import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// `.goud-restore.json`, the word of a restore on what it is about. Written before the first byte of data, removed when
/// all is confirmed.
///
/// Beside a volume it lies in the root of a directory that takes part in the swap and moves with it, so where it is found
/// says how far the swap has come: in the staging directory, not swapped; in the volume, swapped and not confirmed.
/// Inside a mount point it lies in the restore's own directory (`InsideExchange`), and a copy that only keeps nodes out
/// in the root.
struct RestoreMarker: Codable, Equatable {
  static let fileName = VolumeName.restoreMarker

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
  /// The copy in the root of a mount point: it decides nothing.
  var keepsNodesOut: Bool?

  static func newIdentifier() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Reads the marker in an open directory, and believes it only when none but the owner of the directory that holds the
  /// volume, root, or this user can have written it: whoever may write in a volume must not decide what is moved.
  /// - Parameter trusted: owners who are believed beside root and this user.
  /// - Returns: nil when the directory has none.
  /// - Throws: `restore.unproven` for one that is not believed or cannot be understood: nothing is decided by guessing.
  static func read(in directory: UntrustedDirectory, trusted: Set<uid_t> = []) throws -> RestoreMarker? {
    guard let file = try directory.file(fileName, others: .absent) else { return nil }
    do {
      let decoder = JSONDecoder()
      decoder.dateDecodingStrategy = .iso8601
      let marker = try decoder.decode(RestoreMarker.self, from: Data(try file.readAll(limit: 1 << 20)))
      try marker.validate(file.path)
      // What decides nothing may be anybody's.
      if marker.keepsNodesOut != true { try refuseForeign(file, trusted) }
      return marker
    } catch let error as GoudError where error.code == .restoreUnproven {
      throw error
    } catch {
      throw refusal(file.path, "cannot be read", cause: error)
    }
  }

  private static func refuseForeign(_ file: Descriptor, _ trusted: Set<uid_t>) throws {
    let status = try file.status()
    guard trusted.union([0, geteuid()]).contains(status.st_uid) else {
      throw refusal(file.path, "belongs to user \(status.st_uid), who does not decide what is restored here")
    }
    guard status.st_mode & 0o022 == 0, status.st_nlink == 1 else {
      throw refusal(file.path, "may have been written by others than its owner")
    }
  }

  /// Every field that becomes a part of a path is exactly what a restore writes there.
  private func validate(_ path: String) throws {
    guard RestoreName.isIdentifier(id) else { throw Self.refusal(path, "has no id of a restore") }
    for stamp in [safetyCopy, rollbackOf].compactMap({ $0 }) where !SafetyCopy.isStamp(stamp) {
      throw Self.refusal(path, "names no safety copy with '\(stamp)'")
    }
    guard Set(volumes).count == volumes.count, volumes.contains(volume), volumes.allSatisfy(Self.isPlain) else {
      throw Self.refusal(path, "names its volumes badly")
    }
  }

  /// Absolute, and nothing in it but names.
  private static func isPlain(_ path: String) -> Bool {
    let names = path.pathComponents()
    return path.isAbsolutePath && !names.isEmpty && !path.utf8.contains(0) && !names.contains(".")
      && !names.contains("..") && path == "/\(names.joined(separator: "/"))"
  }

  static func refusal(_ path: String, _ why: String, cause: (any Error)? = nil) -> GoudError {
    GoudError(
      .restoreUnproven, "\(path), the marker of an unfinished restore, \(why)",
      hint: "nothing was moved; see docs/disaster-recovery.md, \"when a restore stops\", and decide by hand",
      context: ["path": path], cause: cause)
  }

  /// Durable when it returns.
  func write(in directory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    try AtomicFile.write(Array(try encoder.encode(self)) + [10], to: "\(directory)/\(Self.fileName)")
  }

  /// Durable when it returns; does nothing when there is none.
  func remove(from root: Descriptor) throws {
    guard unlinkat(root.fd, Self.fileName, 0) == 0 || errno == ENOENT else {
      throw GoudError.system("remove", "\(root.path)/\(Self.fileName)")
    }
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
