/// The schema of chains: of what is in blocks, and of how a ledger keeps them (docs/chain.md).
public enum ChainSchema {
  /// What this version reads and writes. A ledger of a newer one is refused, never made anew.
  public static let version: UInt32 = 1
}
