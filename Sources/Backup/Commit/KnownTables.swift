import Archive
import Foundation
import GoudCore
import Repository

/// The tables of the commit before. Identity saves reading: a table that is the same in database, inode, size, times and
/// end is not read again. Never the number alone, which RocksDB gives anew (facebook/rocksdb#8020).
struct KnownTables {
  private let tables: [String: Table]
  /// When every table was read last; nil when there is no commit before.
  let scanned: Date?

  /// - Parameters:
  ///   - parent: the commit before; nil when there is none.
  ///   - metadata: of the volume as it is now: databases that are others now have no known tables.
  init(_ parent: Commit.Member?, _ metadata: BackupMetadata.Volume, in repository: Repository, _ index: RepositoryIndex)
    throws
  {
    do {
      let held = try parent.map { try CommitContents($0, in: repository, index) }
      tables = try held.map { try Self.tables($0, metadata, index) } ?? [:]
      scanned = held?.facts.scanned
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      // What is damaged there is no reason to fail here: everything is read, and stored anew where it is missing.
      (tables, scanned) = ([:], nil)
    }
  }

  private typealias Table = (facts: CommitFacts.Table, content: [ObjectID])

  private static func tables(
    _ held: CommitContents, _ metadata: BackupMetadata.Volume, _ index: RepositoryIndex
  ) throws -> [String: Table] {
    let before = held.metadata.volumes.first { $0.name == metadata.name }?.databases ?? []
    let same = Set(
      metadata.databases.filter { now in
        !now.identity.isEmpty && before.contains { $0.path == now.path && $0.identity == now.identity }
      }.map(\.path))
    let other = Set(metadata.databases.map(\.path)).subtracting(same)
    var tables: [String: Table] = [:]
    try held.walk { entry, content in
      guard let facts = held.facts.tables[entry.path],
        database(of: entry.path, same.union(other)).map(same.contains) == true,
        content.allSatisfy({ index.contains($0, as: .data) })
      else { return }
      tables[entry.path] = (facts, content)
    }
    return tables
  }

  /// Whether it is time to read all tables; so is a clock that was set back.
  func isStale(now: Date, after interval: TimeInterval) -> Bool {
    guard let scanned else { return true }
    return scanned > now || now.timeIntervalSince(scanned) >= interval
  }

  /// - Returns: what a table consists of, when it is known.
  func content(of path: String, _ facts: CommitFacts.Table?) -> [ObjectID]? {
    guard let facts, let known = tables[path], known.facts == facts else { return nil }
    return known.content
  }

  /// The innermost of the databases that a file lies in.
  private static func database(of path: String, _ databases: Set<String>) -> String? {
    databases.filter { $0 == "." || path.hasPrefix("\($0)/") }.max { $0.utf8.count < $1.utf8.count }
  }
}
