import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Tables and blob files of which every block was read and agreed with its checksum, as they were then.
public struct ProvenFiles: Sendable {
  private struct Key: Hashable {
    let identity: FileIdentity
    let version: FileVersion

    init(_ status: stat) { (identity, version) = (status.identity, FileVersion(status)) }
  }

  private var keys: Set<Key> = []

  public var count: Int { keys.count }

  public init() {}

  mutating func insert(_ status: stat) { keys.insert(Key(status)) }

  /// Whether it is one of them, and untouched since.
  func contains(_ status: stat) -> Bool { keys.contains(Key(status)) }
}
