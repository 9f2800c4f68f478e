import Foundation
import GoudCore
import Layout
import VolumeSnapshot

/// What is at a place now.
public enum PresentVolume: Sendable, Equatable {
  case absent
  case emptyDirectory
  /// A volume; contents of `IDENTITY` by database path, without those that have none.
  case volume(identities: [String: String])

  public var isVolume: Bool { if case .volume = self { true } else { false } }
}

extension PresentVolume {
  /// - Parameter remains: take a directory without a database for what is left of a volume.
  /// - Throws: `restore.not-a-volume` for anything that is neither a volume nor an empty directory.
  public init(at place: VolumePlace, remains: Bool = false) throws {
    guard let status = try FileSystem.status(place.path) else {
      self = .absent
      return
    }
    guard status.isDirectory else {
      throw GoudError(
        .restoreNotAVolume, "\(place.path) is a file, not a volume", hint: "name another place with --to",
        context: ["path": place.path])
    }
    let databases = try DatabaseHold.databases(place.path)
    if !databases.isEmpty {
      self = .volume(identities: try Self.identities(databases))
    } else if try FileSystem.names(in: place.path).allSatisfy({ $0 == "lost+found" || RestoreName.isWork(inRoot: $0) })
    {
      self = .emptyDirectory
    } else if remains {
      self = .volume(identities: [:])
    } else {
      throw GoudError(
        .restoreNotAVolume, "\(place.path) is not empty and holds no RocksDB, so it is not replaced",
        hint: "move it away, or name another place with --to", context: ["path": place.path])
    }
  }

  static func identities(_ databases: [DatabaseLocation]) throws -> [String: String] {
    var result: [String: String] = [:]
    for database in databases {
      let path = "\(database.directory)/IDENTITY"
      guard try FileSystem.status(path)?.isRegular == true else { continue }
      let bytes = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 16)
      let identity = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined()
      if !identity.isEmpty { result[database.path] = identity }
    }
    return result
  }
}
