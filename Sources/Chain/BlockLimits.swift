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
  /// Of a block's number, 2^62, and of its epoch, 2^63 − 1: numbers that can be counted on from.
  public static let height: UInt64 = 1 << 62
  public static let epoch = UInt64(Int64.max)
  /// Of a block's time: the last millisecond of the year 9999. A block that follows one with this time has it too.
  public static let time: UInt64 = 253_402_300_799_999
  /// Bytes of a network's or a validator's name.
  public static let nameBytes = 64
}
