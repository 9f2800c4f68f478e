import Foundation
import Repository

/// The backup that the next one of the same volume follows.
struct CommitParent: Sendable {
  let id: ObjectID
  /// Of what it says it was taken at.
  let taken: Date
  /// nil: it is damaged.
  let held: KnownTables.Held?

  /// Those of an environment's volumes that have one; lists the snapshots.
  static func find(
    of volumes: [String], in environment: String, _ repository: Repository, _ index: RepositoryIndex
  ) throws -> [String: CommitParent] {
    try CommitHistory(repository).newest(of: volumes, in: environment).mapValues {
      CommitParent(id: $0.id, taken: $0.snapshot.time.date, held: try .read($0, in: repository, index))
    }
  }
}
