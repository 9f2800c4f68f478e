import GoudCore

/// What is left of a RocksDB in a directory, whole or damaged.
public struct DatabaseTraces: Sendable {
  /// The directory: `path` relative to the volume (`.` for the volume itself), and absolute.
  public let location: DatabaseLocation
  /// Whether a RocksDB would take its `LOCK` here: there is one, or a `CURRENT`, or a `MANIFEST`.
  public let isDatabase: Bool

  /// Every directory of a volume, down to four levels, that holds files of a RocksDB. Unlike `DatabaseLocation.find`
  /// it also sees a database that has lost its `CURRENT`, which is what a restore is often for. Links are not followed.
  public static func find(in volume: String) throws -> [DatabaseTraces] {
    try VolumeTree(root: volume).directories.compactMap { directory in
      let kinds = directory.names.map(DatabaseFileName.init)
      guard kinds.contains(where: \.isContent) else { return nil }
      return DatabaseTraces(
        location: DatabaseLocation(path: directory.path, directory: directory.absolute),
        isDatabase: directory.names.contains("LOCK") || kinds.contains(where: \.makesDatabase))
    }
  }
}

extension DatabaseFileName {
  fileprivate var makesDatabase: Bool {
    switch self {
    case .current, .manifest: true
    default: false
    }
  }

  fileprivate var isContent: Bool {
    switch self {
    case .current, .manifest, .options, .table, .blob: true
    case .log, .identity, .bystander, .foreign: false
    }
  }
}
