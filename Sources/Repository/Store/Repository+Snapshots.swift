import GoudCore
import Layout

extension Repository {
  /// Every snapshot, by name.
  /// - Throws: `repository.damaged` for one that cannot be read; it is named.
  public func snapshots() throws -> [(id: ObjectID, snapshot: Snapshot)] {
    let found = SnapshotsUnderWay()
    let pipeline = OrderedPipeline<ObjectID, (ObjectID, Snapshot)?>(
      name: "snapshots", width: 4, depth: 16,
      transform: { id in
        do {
          return (id, try Snapshot(decoding: self.loadUnpacked(id, in: .snapshots)))
        } catch let error as GoudError where error.code == .repositoryNotFound {
          // Somebody has deleted it meanwhile.
          return nil
        } catch let error as GoudError {
          throw error.within("snapshots/\(id.short)")
        }
      },
      consume: { if let one = $0 { found.all.append(one) } })
    do {
      for object in try list(.snapshots) { try pipeline.submit(object.id) }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    return found.all
  }

  /// When it returns, the backup is there to stay. What it names must be by then.
  public func save(_ snapshot: Snapshot) throws -> ObjectID {
    try saveUnpacked(snapshot.encoded(), in: .snapshots)
  }

  /// Forgets a backup; what it names goes with the next prune. Hold an exclusive lock.
  public func remove(_ snapshot: ObjectID) throws { try remove([snapshot], in: .snapshots) }
}

/// Only the pipeline's one consumer touches it until it has ended.
private final class SnapshotsUnderWay: @unchecked Sendable {
  var all: [(id: ObjectID, snapshot: Snapshot)] = []
}
