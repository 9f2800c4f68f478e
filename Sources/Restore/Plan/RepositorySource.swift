import Archive
public import Backup
import GoudCore
public import Repository

extension RestoreSource {
  /// A backup in a repository as the source of a restore: a commit, and what its tail added to the logs. Reads its notes and
  /// the tail; the files come when they are made.
  ///
  /// - Parameters:
  ///   - tail: what is put on top of it.
  ///   - present: by name, where volumes and copies of them lie whose tables need not be fetched when they are the same.
  /// - Throws: `repository.damaged`, and those of the store.
  public static func repository(
    _ commit: Commit, _ tail: CommitTail, in repository: Repository, chain: String? = nil,
    restorePrivileges: Bool = false, present: [String: [String]] = [:]
  ) throws -> RestoreSource {
    let index = try repository.loadIndex()
    let contents = try commit.members.map { try CommitContents($0, in: repository, index) }
    let metadata = contents[0].metadata
    var volumes = contents.flatMap(\.metadata.volumes)
    for place in volumes.indices { volumes[place].bytes += tail.bytes(of: volumes[place].name) }
    var source = RestoreSource(
      name: metadata.name, environment: metadata.environment, volumes: volumes,
      build: { building in
        var extraction = CommitExtraction(repository, index)
        extraction.restorePrivileges = restorePrivileges
        extraction.tail = tail
        extraction.present = present
        extraction.leftovers = building.leftovers
        extraction.arrived = building.arrived
        extraction.cancellation = building.cancellation
        extraction.progress = building.progress
        return try extraction.run(commit, into: building.directories)
      })
    source.chain = chain
    source.isGrowing = !tail.isEmpty
    source.resumes = true
    return source
  }
}
