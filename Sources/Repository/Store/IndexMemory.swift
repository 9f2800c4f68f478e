import GoudCore
import Layout
import Synchronization

/// The index of a repository, kept by a run that goes by it again and again. Each time the indexes are listed and what is
/// new is read: an index never changes, and one that is gone says that somebody has pruned or repaired.
public final class IndexMemory: Sendable {
  private struct State {
    var index = RepositoryIndex()
    /// What `index` was read from.
    var read: Set<ObjectID> = []
    /// Written by this run, and perhaps not read yet.
    var own: Set<ObjectID> = []
  }

  private let state = Mutex(State())

  public init() {}

  /// Hold a lock, as for `loadIndex`. Let go of what came of the last call before.
  /// - Returns: everything that the indexes say now; and whether somebody else has written or deleted one since the last
  ///   call, which the first one cannot tell from having been there before.
  /// - Throws: as `loadIndex`; then the next call reads all of it anew.
  public func load(_ repository: Repository) throws -> (index: RepositoryIndex, isChanged: Bool) {
    let there = Set(try repository.list(.index).map(\.id))
    return try state.withLock { state in
      let (own, isWhole) = (state.own.intersection(there), state.read.isSubset(of: there))
      let new = isWhole ? there.subtracting(state.read) : there
      // Whoever alone holds the index adds to it without copying it.
      var index = RepositoryIndex()
      if isWhole { swap(&index, &state.index) }
      state = State(own: own)
      state.index = try repository.loadIndex(new.sorted(), onto: consume index)
      state.read = there
      return (state.index, !isWhole || !new.isSubset(of: own))
    }
  }

  /// These are our own.
  func note(own ids: [ObjectID]) { state.withLock { $0.own.formUnion(ids) } }
}
