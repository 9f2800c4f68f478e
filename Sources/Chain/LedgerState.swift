/// A start of the authority that a node has promised to follow: never again a lower one.
public struct EpochPromise: Hashable, Sendable {
  public let epoch: UInt64
  /// 16 bytes.
  public let nonce: [UInt8]

  public init(epoch: UInt64, nonce: [UInt8]) {
    self.epoch = epoch
    self.nonce = nonce
  }
}

/// How far a ledger has come.
struct LedgerState {
  var head: BlockReference
  var acknowledged: UInt64
  var promise: EpochPromise?
  /// Up to this height it is counted what accounts store; nil: it has to be counted from the beginning.
  var counted: UInt64?
}
