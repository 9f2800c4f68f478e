import GoudCore
import Layout

/// How much a repository holds.
public struct RepositoryStatistics: Sendable, Equatable {
  public internal(set) var packs = 0
  public internal(set) var snapshots = 0
  public internal(set) var indexes = 0
  /// Each counted once, also where there are copies.
  public internal(set) var dataBlobs = 0
  public internal(set) var treeBlobs = 0
  /// Of the blobs as they were saved.
  public internal(set) var plainBytes: Int64 = 0
  /// Of the packs, as they lie in the store.
  public internal(set) var storedBytes: Int64 = 0
}

extension Repository {
  /// Counts what the indexes name; lists three folders and reads the indexes.
  public func statistics() throws -> RepositoryStatistics {
    var statistics = RepositoryStatistics()
    let index = try loadIndex()
    var seen: [BlobKind: Set<ObjectID>] = [.data: [], .tree: []]
    index.forEachPack { _, entries in
      for entry in entries where seen[entry.kind]!.insert(entry.id).inserted {
        statistics.plainBytes += Int64(entry.plainLength)
      }
    }
    statistics.dataBlobs = seen[.data]!.count
    statistics.treeBlobs = seen[.tree]!.count
    let packs = try list(.data)
    statistics.packs = packs.count
    statistics.storedBytes = packs.reduce(0) { $0 + Int64($1.bytes) }
    statistics.snapshots = try list(.snapshots).count
    statistics.indexes = try list(.index).count
    return statistics
  }
}
