import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// One RocksDB inside a volume.
public struct DatabaseLocation: Sendable, Hashable {
  /// Relative to the volume: `rocksdb`; `.` when the volume itself is the database.
  public let path: String
  /// Absolute.
  public let directory: String

  public init(path: String, directory: String) {
    self.path = path
    self.directory = directory
  }

  /// The databases of a volume: `VolumeContents.databases`.
  public static func find(in volume: String) throws -> [DatabaseLocation] {
    try VolumeContents(of: volume).databases
  }

  /// What is left of databases: `VolumeContents.remains`.
  public static func remains(in volume: String) throws -> [DatabaseLocation] {
    try VolumeContents(of: volume).remains
  }
}

/// Something in a volume that looks like a RocksDB database, or is a part of one, and is none that can be proven: its
/// files are stored like any other's.
public struct OtherStore: Sendable, Hashable, Codable {
  /// Relative to the volume; `.` for the volume itself.
  public let path: String
  /// What it is, in words.
  public let what: String
}

/// The databases of a volume, found in one walk: the only way in which any part of Goud finds them.
///
/// A directory with `CURRENT` and a `MANIFEST`, there or named, is a database, at any depth and whatever it and the directories above it
/// are called, unless its content says that it is another program's.
public struct VolumeContents {
  /// Sorted by path.
  public let databases: [DatabaseLocation]
  /// Directories with a `MANIFEST` and no `CURRENT`: a database that lost it, or a checkpoint that was not finished.
  public let remains: [DatabaseLocation]
  /// Sorted by path.
  public let others: [OtherStore]
  /// The directories that look like databases and are parts of `others`.
  let otherDirectories: Set<String>
  /// What may be a database, and what looks like one.
  let candidates: [VolumeTree.Directory]
  let tree: VolumeTree

  /// - Parameters:
  ///   - volume: absolute. Links in it are not followed; those on the way to it are.
  ///   - oneFileSystem: leaves out databases on what is mounted in the volume. A database of the volume is whole all the
  ///     same, wherever its tables lie.
  public init(of volume: String, oneFileSystem: Bool = false) throws {
    tree = try VolumeTree(root: volume)
    candidates = tree.directories.filter { !(oneFileSystem && $0.isMounted) }
    var found: [DatabaseLocation] = []
    var remains: [DatabaseLocation] = []
    var others: Set<OtherStore> = []
    var otherDirectories: Set<String> = []
    for directory in candidates where directory.holdsManifest || directory.holdsDatabase {
      if let other = try OtherStore(directory, in: tree) {
        others.insert(other)
        otherDirectories.insert(directory.path)
        continue
      }
      let location = DatabaseLocation(path: directory.path, directory: directory.absolute)
      guard directory.holdsDatabase else {
        remains.append(location)
        continue
      }
      found.append(location)
    }
    databases = found
    self.remains = remains
    self.otherDirectories = otherDirectories
    self.others = others.sorted { $0.path < $1.path }
  }

  /// How many files the snapshots of all databases hold open together, at most: tables, and each log with its copy.
  var heldFiles: Int {
    tree.directories.reduce(0) { count, directory in
      let names = directory.names.map(DatabaseFileName.init)
      return count + names.count(where: \.isTableOrBlob) + 2 * names.count(where: \.isLog)
    }
  }

  /// Why there is nothing to capture.
  var noDatabase: GoudError {
    let named = others.map { "; \($0.path): \($0.what)" }.joined()
    return GoudError(
      .volumeNoDatabase, "\(tree.root.path) holds no RocksDB: there is no CURRENT with a MANIFEST in it\(named)",
      hint: "name the directory of a RocksDB, or one that holds it", context: ["path": tree.root.path])
  }

  /// - Throws: `snapshot.unsupported-layout` for a database in a place that no archive can carry back.
  func refuseUnstorable() throws {
    for directory in candidates where directory.holdsDatabase && !otherDirectories.contains(directory.path) {
      if !directory.isNamed {
        throw GoudError(
          .snapshotUnsupported, "the database in \(directory.absolute) lies in a directory whose name is not UTF-8",
          hint: "rename the directory: no archive could carry the name back", context: ["path": directory.absolute])
      }
      if directory.path.pathComponents().first == "lost+found" {
        throw GoudError(
          .snapshotUnsupported, "the database in \(directory.absolute) lies in the file system's own directory",
          hint: "move it out of lost+found", context: ["path": directory.absolute])
      }
    }
  }
}
