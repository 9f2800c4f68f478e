import GoudCore

extension OtherStore {
  /// Whose it is, when the content of a directory with a `MANIFEST` says that it is not a RocksDB in use.
  init?(_ directory: VolumeTree.Directory, in tree: VolumeTree) throws {
    if try Self.isPebble(directory, in: tree) {
      self.init(path: directory.path, what: "a Pebble database, which RocksDB cannot prove")
    } else if let store = try Self.backupStore(directory, in: tree) {
      self.init(path: store, what: "backups that RocksDB's BackupEngine made")
    } else if !directory.holdsDatabase && directory.path.hasSuffix(".tmp") {
      // Its tables are there before its CURRENT. One that was left behind looks the same.
      self.init(path: directory.path, what: "a checkpoint that is not finished")
    } else {
      return nil
    }
  }

  /// Pebble names its version in `OPTIONS` where RocksDB names its own.
  private static func isPebble(_ directory: VolumeTree.Directory, in tree: VolumeTree) throws -> Bool {
    let options = directory.names.compactMap { name -> (UInt64, String)? in
      if case .options(let number) = DatabaseFileName(name) { (number, name) } else { nil }
    }
    for (_, name) in options.sorted(by: { $0.0 > $1.0 }) {
      guard let text = try tree.text("\(directory.path)/\(name)") else { continue }
      return text.split(whereSeparator: \.isNewline).contains {
        $0.drop(while: \.isWhitespace).hasPrefix("pebble_version=")
      }
    }
    return false
  }

  /// RocksDB's `BackupEngine` keeps what a backup does not share with others in `private/N`: `CURRENT` and a `MANIFEST`
  /// whose tables are in `shared` or `shared_checksum`. `meta/N` lists the files of backup N, and is written last.
  /// - Returns: the path of the store. nil for a backup that has all of its files with it: that is a database.
  private static func backupStore(_ directory: VolumeTree.Directory, in tree: VolumeTree) throws -> String? {
    let parts = directory.path.pathComponents()
    guard parts.count >= 2, parts[parts.count - 2] == "private", !directory.holdsTables else { return nil }
    let path = parts.dropLast(2).joined(separator: "/")
    guard let store = try tree.root.directory(path, others: .absent),
      try store.status("meta")?.isDirectory == true,
      try ["shared", "shared_checksum"].contains(where: { try store.status($0)?.isDirectory == true })
    else { return nil }
    let number = parts[parts.count - 1]
    if let listed = try tree.text("\(path)/meta/\(number)") {
      let lines = listed.split(separator: "\n")
      guard lines.contains(where: { $0.hasPrefix("private/\(number)/CURRENT ") }),
        lines.contains(where: { $0.hasPrefix("shared") })
      else { return nil }
    }
    return path.isEmpty ? "." : path
  }
}

extension VolumeTree {
  /// A file for people; nil when it is gone, or no regular file.
  fileprivate func text(_ path: String) throws -> String? {
    guard let file = try root.file(path, others: .absent) else { return nil }
    return String(decoding: try file.readAll(), as: UTF8.self)
  }
}
