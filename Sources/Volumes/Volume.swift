import GoudCore
public import VolumeSnapshot

/// A node's persistent directory, or any directory that holds a RocksDB.
public struct Volume: Sendable, Hashable {
  /// `node1_data`, or the last component of a path, or what the user called it (`NAME=PATH`).
  public let name: String
  /// Absolute, with links followed.
  public let path: String

  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }

  /// Its databases, sorted by path; those that lost their `CURRENT` come last.
  /// - Throws: `volume.no-database` when there is not even what is left of one.
  public func databases() throws -> [DatabaseLocation] {
    let found = try DatabaseLocation.find(in: path) + DatabaseLocation.remains(in: path)
    guard !found.isEmpty else {
      throw GoudError(
        .volumeNoDatabase, "\(path) holds no RocksDB: there is no CURRENT and no MANIFEST in it or below",
        hint: "name the directory of a RocksDB, or one that holds it", context: ["path": path])
    }
    return found
  }
}
