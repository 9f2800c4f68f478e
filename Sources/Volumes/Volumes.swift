import GoudCore

/// A node's persistent directory, or any directory that holds a RocksDB.
public struct Volume: Sendable, Hashable {
  /// `node1_data`, or the last component of a path.
  public let name: String
  /// Absolute, with links followed.
  public let path: String

  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }
}
