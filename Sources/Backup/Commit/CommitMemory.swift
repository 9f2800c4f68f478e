import Foundation
import GoudCore
import Layout
import Repository
import Synchronization

/// What the commits of one run know from the one before, so that the store is not asked for it again. One commit at a
/// time.
///
/// It holds as long as nobody else has written an index, which the listing of the indexes tells: who stores a backup with
/// anything new in it, prunes or repairs writes one. The index itself is never taken from memory without that listing.
final class CommitMemory: Sendable {
  private struct State {
    var parents: [String: CommitParent] = [:]
    var isChanged = false
  }

  private let indexes = IndexMemory()
  private let state = Mutex(State())

  /// The index as it is now. Hold a lock.
  func index(of repository: Repository) throws -> RepositoryIndex {
    let (index, isChanged) = try indexes.load(repository)
    if isChanged { state.withLock { $0 = State(isChanged: true) } }
    return index
  }

  /// For a writer: it tells what it adds to the index.
  var indexMemory: IndexMemory { indexes }

  /// The backups of these volumes that this run has made last.
  /// - Returns: nil when one of them is not known, or is later than now: then they are to be looked for.
  func parents(of volumes: [String]) -> [String: CommitParent]? {
    state.withLock { state in
      volumes.allSatisfy { state.parents[$0].map { !$0.taken.isAhead(of: Date()) } ?? false } ? state.parents : nil
    }
  }

  /// A commit is whole.
  /// - Parameter parents: what it made, by volume.
  /// - Returns: whether others have changed the index since the commit before.
  func note(_ parents: [String: CommitParent]) -> Bool {
    state.withLock { state in
      let isChanged = state.isChanged
      state = State(parents: state.parents.merging(parents) { $1 })
      return isChanged
    }
  }
}
