import GoudCore

/// Where a database keeps its logs and tables, inside its volume.
///
/// It is found in the volume that is looked at, and nowhere else: a path in `OPTIONS` is one of the node's process, at
/// another time, perhaps on another machine, and the same path here may lead to another database.
public struct DatabaseLayout: Sendable {
  let volume: UntrustedDirectory
  /// Relative to the volume; `.` for the volume itself.
  public let logPath: String
  /// The database's own directory first, then those that may hold further tables of it (`db_paths`), which RocksDB does
  /// not record.
  public let tablePaths: [String]
  /// The log directory that `OPTIONS` name and the volume does not have; nil: none, or it has it.
  let missingLogs: String?

  /// - Throws: `snapshot.unsupported-layout`, naming the directory, when the logs lie outside the volume.
  public static func find(_ location: DatabaseLocation, volume: String) throws -> DatabaseLayout {
    try find(location, in: VolumeTree(root: volume))
  }

  /// - Parameter isStored: the volume is what a backup held. Then everything of the database is in it, as was made sure
  ///   of when it was stored.
  static func find(
    _ location: DatabaseLocation, in tree: VolumeTree, isStored: Bool = false
  ) throws -> DatabaseLayout {
    let logs = try logs(location, tree, isStored: isStored)
    return DatabaseLayout(
      volume: tree.root, logPath: logs.path, tablePaths: tablePaths(location, tree), missingLogs: logs.missing)
  }

  // MARK: Logs

  /// Beside the tables, or where `OPTIONS` say, if that is in this volume.
  private static func logs(
    _ location: DatabaseLocation, _ tree: VolumeTree, isStored: Bool
  ) throws -> (path: String, missing: String?) {
    guard let own = tree[location.path], let named = try tree.logDirectory(of: location.path) else {
      return (location.path, nil)
    }
    guard let hinted = try tree.path(named: named) else {
      if isStored { return (own.newestLog == nil ? tree.onlyLogs ?? location.path : location.path, nil) }
      guard own.newestLog == nil else { return (location.path, named) }
      throw logsOutside(location, named)
    }
    let owners = try tree.owners(ofLogsIn: hinted)
    guard owners.contains(location.path) else { return (location.path, nil) }
    guard owners.count == 1 || isStored else {
      throw GoudError(
        .snapshotUnsupported,
        "the write-ahead logs in \(tree.root.path)/\(hinted) could belong to any of \(owners.joined(separator: ", "))",
        hint: "name each database's own directory as a volume")
    }
    return (hinted, nil)
  }

  /// Logs beside the tables that are all older than what the database needs are none of the ones it writes.
  /// - Throws: `snapshot.unsupported-layout`.
  func refuseMissingLogs(_ location: DatabaseLocation, newest: UInt64?, oldestLive: UInt64) throws {
    if let missingLogs, (newest ?? 0) < oldestLive { throw Self.logsOutside(location, missingLogs) }
  }

  private static func logsOutside(_ location: DatabaseLocation, _ named: String) -> GoudError {
    GoudError(
      .snapshotUnsupported, "\(location.directory) keeps its write-ahead logs in \(named), outside the volume",
      hint: "name a directory that holds both as the volume", context: ["path": named])
  }

  // MARK: Tables

  /// Directories that hold tables and no database: those below this database and no other one below it, and those
  /// below none, which may be any database's.
  private static func tablePaths(_ location: DatabaseLocation, _ tree: VolumeTree) -> [String] {
    let databases = tree.directories.filter(\.holdsDatabase).map(\.path)
    let further = tree.directories.filter { directory in
      guard directory.holdsTables, !directory.holdsDatabase, directory.isNamed else { return false }
      let above = databases.filter { $0 == "." || directory.path.hasPrefix("\($0)/") }.max { $0.count < $1.count }
      return above == nil || above == location.path
    }
    return [location.path] + further.map(\.path)
  }
}

extension VolumeTree {
  subscript(path: String) -> Directory? { directories.first { $0.path == path } }

  /// `wal_dir` of the newest `OPTIONS`; nil: beside the tables.
  fileprivate func logDirectory(of database: String) throws -> String? {
    guard let directory = try root.directory(database) else { return nil }
    let numbered = try directory.names().compactMap { name -> (UInt64, String)? in
      if case .options(let number) = DatabaseFileName(name) { (number, name) } else { nil }
    }
    for (_, name) in numbered.sorted(by: { $0.0 > $1.0 }) {
      guard let file = try directory.file(name) else { continue }
      return OptionsFile(text: String(decoding: try file.readAll(), as: UTF8.self)).logDirectory
    }
    return nil
  }

  /// The directory of this volume that a path of another time or place means: the longest end of the path that there is
  /// here, since what lies below a mount point is the same wherever it is mounted.
  /// - Returns: nil when there is none.
  func path(named: String) throws -> String? {
    let parts = named.pathComponents().filter { $0 != "." }
    let own = root.path.pathComponents()
    if named.isAbsolutePath && parts == own { return "." }
    let inside = named.isAbsolutePath && parts.starts(with: own) ? parts[own.count...] : parts[...]
    let below = inside.lastIndex(of: "..").map { inside[($0 + 1)...] } ?? inside
    for start in below.indices {
      let path = below[start...].joined(separator: "/")
      if try root.directory(path, others: .absent) != nil { return path }
    }
    return parts.last == own.last ? "." : nil
  }

  /// Whose logs a directory holds that `OPTIONS` name: those in another database's directory are that one's; a database
  /// with logs beside its tables is a checkpoint, which has its own, or was given a log directory later, and then the
  /// logs there are newer; of a database and its checkpoint, only the database was ever opened.
  fileprivate func owners(ofLogsIn path: String) throws -> [String] {
    guard self[path]?.holdsDatabase != true else { return [] }
    let named = try directories.filter { database in
      guard database.holdsDatabase, let named = try logDirectory(of: database.path) else { return false }
      return try self.path(named: named) == path
    }
    let without = named.filter { $0.newestLog == nil }
    let claims = without.isEmpty ? named.filter { $0.newestLog! < self[path]?.newestLog ?? 0 } : without
    let opened = claims.filter { $0.names.contains("LOCK") }
    return (opened.isEmpty ? claims : opened).map(\.path)
  }

  /// The one directory of the volume that holds logs and no database.
  fileprivate var onlyLogs: String? {
    let found = directories.filter { $0.newestLog != nil && !$0.holdsDatabase }
    return found.count == 1 ? found[0].path : nil
  }
}
