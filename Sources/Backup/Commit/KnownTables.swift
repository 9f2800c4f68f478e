import Archive
import Foundation
import GoudCore
import Repository

/// The tables of a backup before. Identity saves reading: a table that is the same in database, inode, size, times and
/// end is not read again. Never the number alone, which RocksDB gives anew (facebook/rocksdb#8020).
struct KnownTables {
  /// What a backup holds of a volume, as far as tables go.
  struct Held: Sendable {
    struct Table: Sendable {
      let facts: CommitFacts.Table
      let content: [ObjectID]
    }

    /// Of the databases, by path in the volume.
    let identities: [String: String]
    /// By path in the volume.
    let tables: [String: Table]
    /// When every table was read last.
    let scanned: Date

    init(_ metadata: BackupMetadata.Volume, _ facts: CommitFacts, _ content: [String: [ObjectID]]) {
      identities = Dictionary(metadata.databases.map { ($0.path, $0.identity) }) { first, _ in first }
      tables = Dictionary(
        uniqueKeysWithValues: facts.tables.compactMap { path, facts in
          content[path].map { (path, Table(facts: facts, content: $0)) }
        })
      scanned = facts.scanned
    }

    /// - Returns: nil for what is damaged: that is no reason to fail here, everything is read, and stored anew where it is
    ///   missing.
    static func read(
      _ member: Commit.Member, in repository: Repository, _ index: RepositoryIndex
    ) throws -> Held? {
      do {
        let held = try CommitContents(member, in: repository, index)
        var content: [String: [ObjectID]] = [:]
        try held.walk { entry, pieces in
          if held.facts.tables[entry.path] != nil { content[entry.path] = pieces }
        }
        guard let metadata = held.metadata.volumes.first(where: { $0.name == member.volume }) else { return nil }
        return Held(metadata, held.facts, content)
      } catch let error as GoudError where error.code.exitStatus == .corrupt {
        return nil
      }
    }
  }

  private let held: Held?
  private let index: RepositoryIndex
  /// The databases that are those of the backup, and those that are not.
  private let same: Set<String>
  private let other: Set<String>

  /// - Parameters:
  ///   - held: an earlier backup of the volume; nil when there is none.
  ///   - metadata: of the volume as it is now: databases that are others now have no known tables.
  ///   - index: what is there now: a table of which a piece is missing is not known.
  init(_ held: Held?, _ metadata: BackupMetadata.Volume, _ index: RepositoryIndex) {
    (self.held, self.index) = (held, index)
    same = Set(
      metadata.databases.filter { !$0.identity.isEmpty && held?.identities[$0.path] == $0.identity }.map(\.path))
    other = Set(metadata.databases.map(\.path)).subtracting(same)
  }

  /// When every table was read last; nil when there is no backup before.
  var scanned: Date? { held?.scanned }

  /// Whether it is time to read all tables; so is a clock that was set back.
  func isStale(now: Date, after interval: TimeInterval) -> Bool {
    guard let scanned else { return true }
    return scanned > now || now.timeIntervalSince(scanned) >= interval
  }

  /// - Returns: what a table consists of, when it is known.
  func content(of path: String, _ facts: CommitFacts.Table?) -> [ObjectID]? {
    guard let facts, let known = held?.tables[path], known.facts == facts,
      Self.database(of: path, same.union(other)).map(same.contains) == true,
      known.content.allSatisfy({ index.contains($0, as: .data) })
    else { return nil }
    return known.content
  }

  /// The innermost of the databases that a file lies in.
  private static func database(of path: String, _ databases: Set<String>) -> String? {
    databases.filter { $0 == "." || path.hasPrefix("\($0)/") }.max { $0.utf8.count < $1.utf8.count }
  }
}
