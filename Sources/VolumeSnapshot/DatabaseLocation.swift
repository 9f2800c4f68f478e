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

  /// The databases of a volume: every directory down to four levels that holds `CURRENT`. Links are not followed.
  /// - Returns: sorted by path; empty when there is none.
  public static func find(in volume: String) throws -> [DatabaseLocation] {
    try VolumeTree(root: volume).directories.filter { $0.names.contains("CURRENT") }
      .map { DatabaseLocation(path: $0.path, directory: $0.absolute) }
  }

  /// What is left of databases: directories, down to four levels, with a `MANIFEST` and no `CURRENT`.
  public static func remains(in volume: String) throws -> [DatabaseLocation] {
    try VolumeTree(root: volume).directories.filter { directory in
      !directory.names.contains("CURRENT")
        && directory.names.contains { if case .manifest = DatabaseFileName($0) { true } else { false } }
    }.map { DatabaseLocation(path: $0.path, directory: $0.absolute) }
  }
}

/// The directories of a volume, for finding what lies where.
struct VolumeTree {
  struct Directory {
    /// Relative to the root; `.` for the root.
    let path: String
    let absolute: String
    let names: [String]
  }

  let directories: [Directory]

  /// Lists `root` and the directories below it, down to `depth` levels. Those that vanish meanwhile are left out.
  init(root: String, depth: Int = 4) throws {
    var found = [Directory(path: ".", absolute: root, names: try FileSystem.names(in: root))]
    var next = 0
    while next < found.count {
      let parent = found[next]
      next += 1
      guard parent.path.pathComponents().count < depth || parent.path == "." else { continue }
      for name in parent.names.sorted() {
        let absolute = "\(parent.absolute)/\(name)"
        // The file system's own directory is for root alone, and nothing of the volume.
        guard DatabaseFileName(name) == .foreign, !(parent.path == "." && name == "lost+found"),
          try FileSystem.status(absolute)?.isDirectory == true, let names = try Self.names(in: absolute)
        else { continue }
        found.append(
          Directory(path: parent.path == "." ? name : "\(parent.path)/\(name)", absolute: absolute, names: names))
      }
    }
    directories = found.sorted { $0.path < $1.path }
  }

  /// nil for a directory that is gone.
  private static func names(in directory: String) throws -> [String]? {
    do {
      return try FileSystem.names(in: directory)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return nil
    }
  }
}
