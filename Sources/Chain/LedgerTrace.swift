/// What a ledger's writes say of it, for who sees only those.
public enum LedgerTrace {
  /// The height that the chain has after a write: that of its newest block, which every write of blocks names, also one
  /// that takes blocks back.
  /// - Parameters: what was put: into which column family (0 is `default`), and under which key.
  /// - Returns: nil for a write of something else.
  public static func height(family: UInt32, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) -> UInt64? {
    // Height, epoch, hash (`LedgerFormat.head`).
    guard family == 0, value.count == 48, key.elementsEqual(LedgerFormat.Meta.head) else { return nil }
    return Array(value.prefix(8)).bigEndian()
  }
}
