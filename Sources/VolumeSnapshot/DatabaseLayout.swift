import Foundation
import GoudCore

/// Where a database keeps its logs and tables, inside its volume.
///
/// Logs: `wal_dir` of `OPTIONS`, as a path of the node's process, which may see the volume elsewhere (a container).
/// Tables: RocksDB does not record its `db_paths`, so every directory of the volume that holds tables counts.
public struct DatabaseLayout: Sendable, Equatable {
  public let logDirectory: String
  /// The database's own directory first.
  public let tableDirectories: [String]

  /// - Throws: `snapshot.unsupported-layout`, naming the directory, when a part lies outside the volume or cannot be
  ///   told from another database's.
  public static func find(_ location: DatabaseLocation, volume: String) throws -> DatabaseLayout {
    let tree = try VolumeTree(root: volume)
    let options = try newestOptions(location.directory)
    return DatabaseLayout(
      logDirectory: try logDirectory(location, volume: volume, tree: tree, named: options?.logDirectory),
      tableDirectories: [location.directory] + (try furtherTableDirectories(location, tree: tree)))
  }

  // MARK: Logs

  private static func logDirectory(
    _ location: DatabaseLocation, volume: String, tree: VolumeTree, named: String?
  ) throws -> String {
    guard let named else { return location.directory }
    if let real = FileSystem.realPath(named) {
      if real == location.directory || real.hasPrefix("\(volume)/") { return real }
      if let names = try? FileSystem.names(in: real), names.contains(where: \.isLog) {
        throw outside("write-ahead logs", real, of: location)
      }
    }
    // The node sees the volume under another path: the part below its mount point is the same.
    let match = tree.directories.filter { $0.path != "." && "\(named)/".hasSuffix("/\($0.path)/") }
      .max { $0.path.count < $1.path.count }
    if let match { return match.absolute }
    if location.path == ".", try FileSystem.names(in: location.directory).contains(where: \.isLog) {
      return location.directory
    }
    throw outside("write-ahead logs", named, of: location)
  }

  /// A database always has a log unless it was made by a tool; when `OPTIONS` names a directory of their own and
  /// that one is empty, we are looking in the wrong place.
  func refuseMissingLogs(_ capture: DatabaseCapture, _ options: OptionsFile?) throws {
    guard capture.logs.isEmpty, let named = options?.logDirectory, logDirectory != FileSystem.realPath(named) else {
      return
    }
    guard FileSystem.name(of: named) != FileSystem.name(of: logDirectory) else { return }
    throw GoudError(
      .snapshotUnsupported, "no write-ahead log found in \(logDirectory), and the database's options say \(named)",
      hint: "name the directory that holds both the database and its logs")
  }

  // MARK: Tables

  private static func furtherTableDirectories(_ location: DatabaseLocation, tree: VolumeTree) throws -> [String] {
    let databases = tree.directories.filter { $0.names.contains("CURRENT") }
    return try tree.directories.filter { directory in
      guard !directory.names.contains("CURRENT"), directory.names.contains(where: \.isTable) else { return false }
      let above = databases.filter { $0.path == "." || directory.path.hasPrefix("\($0.path)/") }
        .max { $0.path.count < $1.path.count }
      if let above { return above.path == location.path }
      guard databases.count == 1 else {
        throw GoudError(
          .snapshotUnsupported,
          "the tables in \(directory.absolute) could belong to any of \(databases.count) databases of the volume",
          hint: "name each database's own directory as a volume")
      }
      return true
    }.map(\.absolute)
  }

  private static func newestOptions(_ directory: String) throws -> OptionsFile? {
    let numbered = try FileSystem.names(in: directory).compactMap { name -> (UInt64, String)? in
      if case .options(let number) = DatabaseFileName(name) { (number, name) } else { nil }
    }
    for (_, name) in numbered.sorted(by: { $0.0 > $1.0 }) {
      guard let file = try? Descriptor.open("\(directory)/\(name)", O_RDONLY) else { continue }
      return OptionsFile(text: String(decoding: try file.readAll(), as: UTF8.self))
    }
    return nil
  }

  private static func outside(_ what: String, _ path: String, of location: DatabaseLocation) -> GoudError {
    GoudError(
      .snapshotUnsupported, "\(location.directory) keeps its \(what) in \(path), outside the volume",
      hint: "name a directory that holds both as the volume", context: ["path": path])
  }
}

extension String {
  fileprivate var isLog: Bool { if case .log = DatabaseFileName(self) { true } else { false } }

  fileprivate var isTable: Bool {
    switch DatabaseFileName(self) {
    case .table, .blob: true
    default: false
    }
  }
}
