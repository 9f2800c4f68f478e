import Archive
import Foundation
import GoudCore
import Repository

#if canImport(Glibc)
  import Glibc
#endif

/// A volume whose files are stored; what is left is its snapshot.
struct CommitDraft {
  let volume: String
  let metadata: BackupMetadata
  let tree: ObjectID
  /// Sum of the sizes of its files, without their holes.
  let bytes: Int64
  let knownTables: Int
  let rescanned: Bool
  /// What the next one knows of it.
  let held: KnownTables.Held
  let parent: ObjectID?

  func snapshot(_ commit: String, taken: Date) -> Snapshot {
    var snapshot = Snapshot(time: Timestamp(taken), tree: tree, paths: ["/\(volume)"])
    snapshot.hostname = metadata.host
    snapshot.username = "goud"
    (snapshot.owner, snapshot.group) = (geteuid(), getegid())
    snapshot.tags = CommitTags(commit: commit, environment: metadata.environment, metadata.volumes[0]).list
    snapshot.parent = parent
    snapshot.programVersion = "goud \(metadata.toolVersion)"
    return snapshot
  }
}
