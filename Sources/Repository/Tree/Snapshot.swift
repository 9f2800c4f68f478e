/// One backup, as a repository names it: the root of its trees, when, where and what of. Every field that restic knows
/// (internal/restic/snapshot.go, data/snapshot.go), and one of Goud's own.
///
/// Unknown fields are lost when restic rewrites a snapshot (`tag`, `rewrite`): what is needed for a restore must also
/// follow from the tags or the tree.
public struct Snapshot: Sendable, Equatable {
  public var time: Timestamp
  /// The backup that this one was made beside, if any.
  public var parent: ObjectID?
  /// Of the root.
  public var tree: ObjectID
  /// What was backed up, absolute. restic groups by host and paths: constant for one volume.
  public var paths: [String]
  public var hostname = ""
  public var username = ""
  public var owner: UInt32 = 0
  public var group: UInt32 = 0
  public var excludes: [String] = []
  public var tags: [String] = []
  /// What restic rewrote this snapshot from, if it did.
  public var original: ObjectID?
  /// `goud 0.9.0`; empty: not said.
  public var programVersion = ""
  public var summary: Summary?
  /// Goud's own field `goud`: the text of a JSON object; empty: none.
  public var goud: [UInt8] = []

  public init(time: Timestamp, tree: ObjectID, paths: [String]) {
    (self.time, self.tree, self.paths) = (time, tree, paths)
  }

  /// What a backup did. restic 0.17 and later write and list it.
  public struct Summary: Sendable, Equatable {
    public var start = Timestamp.unset
    public var end = Timestamp.unset
    public var filesNew: UInt64 = 0
    public var filesChanged: UInt64 = 0
    public var filesUnmodified: UInt64 = 0
    public var directoriesNew: UInt64 = 0
    public var directoriesChanged: UInt64 = 0
    public var directoriesUnmodified: UInt64 = 0
    /// Blobs that were new.
    public var dataBlobs: UInt64 = 0
    public var treeBlobs: UInt64 = 0
    /// Bytes of the new blobs, plain.
    public var dataAdded: UInt64 = 0
    /// The same as they lie in the repository.
    public var dataAddedPacked: UInt64 = 0
    public var totalFiles: UInt64 = 0
    public var totalBytes: UInt64 = 0

    public init() {}
  }
}
