import Foundation
import GoudCore
public import Repository

/// What a damaged repository can no longer give back of one backup.
public struct LostFiles: Sendable, Encodable {
  /// The backup's id; that of a snapshot which goud has not made.
  public let backup: String
  public let volume: String
  /// Relative to the volume.
  public let files: [String]

  /// - Parameter report: what was found.
  /// - Returns: newest first; only backups that lost something.
  public static func find(in repository: Repository, _ report: RepositoryCheckReport) throws -> [LostFiles] {
    let index: RepositoryIndex
    do { index = try repository.loadIndex() } catch let error as GoudError where error.code == .repositoryDamaged {
      // Without its index, nothing can be said before it is made anew.
      return []
    }
    let damaged = Set(report.problems.filter { $0.severity == .damage }.map(\.object))
    var bad: Set<ObjectID> = []
    index.forEachPack { pack, entries in
      if damaged.contains("data/\(pack.hex.prefix(2))/\(pack.hex)") { bad.formUnion(entries.map(\.id)) }
    }
    let reader = RepositoryReader(repository, index: index)
    return try CommitHistory(repository).list().flatMap { commit in
      try commit.members.compactMap { member in
        let files = try lost(member, reader) { bad.contains($0) || !index.contains($0, as: .data) }
        return files.isEmpty ? nil : LostFiles(backup: commit.id, volume: member.volume, files: files)
      }
    }
  }

  private static func lost(
    _ member: Commit.Member, _ reader: RepositoryReader, _ isLost: (ObjectID) -> Bool
  ) throws -> [String] {
    var files: [String] = []
    do {
      try CommitContents(member, reader).walk { entry, content in
        if content.contains(where: isLost) { files.append(entry.path) }
      }
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      // Which they are cannot be said: a directory that cannot be read, or that lacks some.
      files.append(error.message)
    }
    return files
  }
}
