/// Names in the tree of a snapshot: one directory for the volume, one for what goud notes of it.
enum CommitNames {
  /// `metadata.json`, as in an archive, and `files.json`; restored with the volume by a stock restore.
  static let notes = ".goud"
  static let metadata = "metadata.json"
  static let files = "files.json"
}
