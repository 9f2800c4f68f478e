/// The names of what Goud and its nodes keep in the root of a volume.
public enum VolumeName {
  /// A node's ledger.
  public static let database = "rocksdb"
  /// The secrets of a node.
  public static let validatorKey = "validator_key"
  public static let jwtSecret = "jwt_secret"
  public static let sessionSecret = "session_secret"
  /// Whether what the disk says it has acknowledged may be relied on; never part of a backup.
  public static let standing = ".goud-standing.json"
  /// From before the first byte of a restore until it is confirmed.
  public static let restoreMarker = ".goud-restore.json"
  /// What begins so is Goud's own, and no part of the volume's content.
  public static let reserved = ".goud-"
}
