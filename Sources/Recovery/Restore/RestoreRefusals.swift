import Archive
import Foundation
import GoudCore
import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// Every reason not to begin. Nothing here changes anything.
extension RestoreRequest {
  /// The volumes of the backup that are meant.
  func choose(from source: RestoreSource) throws -> [BackupMetadata.Volume] {
    let names = source.volumes.map(\.name).joined(separator: ", ")
    guard let volume else {
      if case .path = target, source.volumes.count != 1 {
        throw GoudError(
          .volumeAmbiguous, "\(source.name) holds several volumes, and --to names one place",
          hint: "choose one with --volume: \(names)")
      }
      guard !source.volumes.isEmpty else { throw GoudError(.volumeNotFound, "\(source.name) holds no volume") }
      return source.volumes
    }
    let found = [volume, "\(volume)_data"].lazy.compactMap { name in source.volumes.first { $0.name == name } }.first
    guard let found else {
      throw GoudError(.volumeNotFound, "\(source.name) holds no volume '\(volume)'", hint: "it holds \(names)")
    }
    return [found]
  }

  /// - Throws: `archive.unsafe-entry` for a volume name that is more than a name.
  func place(of volume: String) throws -> VolumePlace {
    switch target {
    case .path(let path): return try VolumePlace(path)
    case .directory(let directory):
      guard !volume.isEmpty, volume != ".", volume != "..", !volume.containsSlash, !volume.utf8.contains(0) else {
        throw GoudError(
          .archiveUnsafe, "the backup names a volume '\(volume)', which is not a name",
          hint: "do not trust this archive; --to PATH puts a volume of it in a place of your choice")
      }
      return try VolumePlace("\(directory)/\(volume)")
    }
  }
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
    } else if try FileSystem.names(in: place.path).isEmpty {
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

extension RestorePlan.Step {
  func refuse(_ request: RestoreRequest) throws {
    if !unproven.isEmpty && !request.allowUnproven {
      throw GoudError(
        .archiveUnproven, "\(volume) was stored unproven: \(unproven.joined(separator: "; "))",
        hint: "pass --unproven to restore it all the same", context: ["volume": volume])
    }
    try refuseNewerSchema()
    try refuseForeign(identities, chain: chain?.id, request)
    try MountTable.refuseMounts(at: place)
    let directory = try place.nearestDirectory()
    guard faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 else {
      throw GoudError.system("create a directory in", directory)
    }
    if present.isVolume && node == nil { try DatabaseHold.refuseOpen(place.path) }
  }

  /// Compares chains; where either is unknown, RocksDB's identities, which stay with a database through backup and
  /// restore.
  ///
  /// - Parameters:
  ///   - restored: by database path; what the backup claims, or what was found in what was built.
  ///   - chain: of what is restored; nil when it is not known.
  /// - Throws: `restore.foreign-volume`, `restore.foreign-chain`, `chain.newer-schema`.
  func refuseForeign(_ restored: [String: String], chain: String?, _ request: RestoreRequest) throws {
    guard try refuseForeignChain(chain, request) else { return }
    guard case .volume(let present) = present, !request.replaceForeign, !present.isEmpty, !restored.isEmpty else {
      return
    }
    let differing = present.keys.sorted().first { restored[$0] != nil && restored[$0] != present[$0] }
    if differing == nil && !Set(present.values).isDisjoint(with: restored.values) { return }
    let path = differing ?? present.keys.sorted()[0]
    let own = restored[path] ?? restored.values.sorted()[0]
    throw GoudError(
      .restoreForeign,
      "restore refused: the backup holds database \(own), \(place.path) holds another, \(present[path]!)",
      hint: "name another place with --to, or pass --replace-foreign to keep the present data as a safety copy",
      context: ["path": place.path, "backup": own, "present": present[path]!])
  }
}

/// Where file systems are mounted, as this process sees it.
enum MountTable {
  /// - Throws: `restore.crosses-file-systems` when the volume, or something in it, is a mount point: a rename cannot
  ///   replace one.
  static func refuseMounts(at place: VolumePlace) throws {
    let points = try mountPoints()
    let inside = points.filter { $0 == place.path || $0.hasPrefix("\(place.path)/") }.min()
    let volume = try FileSystem.status(place.path)
    let parent = try FileSystem.status(place.directory)
    guard inside != nil || volume != nil && parent != nil && volume?.st_dev != parent?.st_dev else { return }
    throw GoudError(
      .restoreCrossesFileSystems,
      "\(inside ?? place.path) is a mount point: new data cannot be built beside it on the same file system",
      hint: "keep the volume in a directory below the mount point, and name that with --to",
      context: ["path": inside ?? place.path])
  }

  private static func mountPoints() throws -> [String] {
    let table = try Descriptor.open("/proc/self/mountinfo", O_RDONLY).readAll()
    return table.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "))
      return fields.count > 4 ? String(decoding: unescaped(fields[4]), as: UTF8.self) : nil
    }
  }

  /// Blanks, newlines and backslashes are written as `\` and three octal digits.
  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      else {
        result.append(byte)
        continue
      }
      result.append(value)
      rest = rest.dropFirst(3)
    }
    return result
  }
}
