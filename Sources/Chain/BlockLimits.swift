/// How large things may be. A block beyond them is refused before anything in it is looked at.
public enum BlockLimits {
  /// Bytes of one encoded entry: 1 MiB.
  public static let entryBytes = 1 << 20
  /// Bytes of one encoded block: 2 MiB; two of them fit into one message between nodes.
  public static let blockBytes = 2 << 20
  /// Entries of one block.
  public static let entries = 16_384
  /// Validators of one chain.
  public static let validators = 64
  /// Bytes of a network's or a validator's name.
  public static let nameBytes = 64
}
