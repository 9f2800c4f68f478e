public import Archive
import Foundation
import GoudCore
public import Repository

/// What a repository holds of one volume at one moment.
public struct CommitContents {
  public let metadata: BackupMetadata
  let facts: CommitFacts
  let volume: String
  private let root: (entry: FileEntry, tree: ObjectID)
  private let reader: TreeReader

  /// Reads the notes; the files come when they are asked for.
  /// - Throws: `repository.damaged`, `archive.unsupported` for what a newer goud wrote.
  public init(_ member: Commit.Member, in repository: Repository, _ index: RepositoryIndex) throws {
    try self.init(member, RepositoryReader(repository, index: index))
  }

  init(_ member: Commit.Member, _ loader: any BlobLoader) throws {
    reader = TreeReader(loader)
    volume = member.volume
    let top = try reader.tree(member.snapshot.tree)
    func directory(_ name: String) throws -> (entry: FileEntry, tree: ObjectID) {
      guard let node = top.nodes.first(where: { $0.name == Array(name.utf8) }), let tree = node.subtree else {
        throw Self.damaged(member, "it holds no \(name)")
      }
      return (try node.fileEntry(at: ""), tree)
    }
    root = try directory(member.volume)
    let noted = try reader.tree(try directory(CommitNames.notes).tree)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    let metadata = try Self.bytes(CommitNames.metadata, of: noted, member, loader)
    let facts = try Self.bytes(CommitNames.files, of: noted, member, loader)
    do {
      self.metadata = try decoder.decode(BackupMetadata.self, from: metadata)
      self.facts = try decoder.decode(CommitFacts.self, from: facts)
    } catch {
      throw Self.damaged(member, "its notes cannot be read")
    }
    guard self.metadata.formatVersion <= BackupMetadata.currentFormatVersion, self.facts.version <= 1 else {
      throw GoudError(
        .archiveUnsupported, "the backup \(member.id.short) was written by a newer goud",
        hint: "use a newer goud")
    }
    guard self.metadata.isPossible else { throw Self.damaged(member, "its notes declare sizes that no volume has") }
    guard self.metadata.volumes.map(\.name) == [member.volume] else {
      throw Self.damaged(member, "its notes are of another volume")
    }
  }

  /// The volume's root first, a directory before what it holds, a file before its second names; with the blobs of a file.
  /// Paths are relative to the volume. Nobody sees a volume that has more or less than was declared of it: each entry
  /// passes the gate before `body` gets it.
  /// - Throws: `repository.damaged`, also after the last entry when some are missing; `repository.unsafe-entry`.
  func walk(_ body: (_ entry: FileEntry, _ content: [ObjectID]) throws -> Void) throws {
    var gate = CommitGate(metadata.volumes[0], facts)
    try body(gate.admit(root.entry), [])
    var walk = reader.entries(root.tree)
    while let (entry, content) = try walk.next() { try body(gate.admit(entry), content) }
    try gate.finish()
  }

  private static func bytes(
    _ name: String, of tree: Tree, _ member: Commit.Member, _ loader: any BlobLoader
  ) throws -> Data {
    guard let content = tree.nodes.first(where: { $0.name == Array(name.utf8) })?.content else {
      throw damaged(member, "it holds no \(name)")
    }
    return Data(try content.flatMap { try loader.load($0, as: .data) })
  }

  private static func damaged(_ member: Commit.Member, _ why: String) -> GoudError {
    GoudError(
      .repositoryDamaged, "the backup \(member.id.short) of \(member.volume) is damaged: \(why)",
      hint: "goud repo check says what else is; goud backup list --repo shows other backups")
  }
}
