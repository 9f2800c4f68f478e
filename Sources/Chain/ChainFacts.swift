import GoudCore

/// What a volume's chain is, in a few reads: for a backup's notes, and for refusing what does not belong together.
public struct ChainFacts: Sendable, Hashable {
  public let chain: BlockHash
  public let schemaVersion: UInt32
  public let head: BlockReference
  public let acknowledged: UInt64
  public let genesis: Genesis

  public var height: UInt64 { head.height }
  public var network: String { genesis.network }
  /// Names, the authority first.
  public var validators: [String] { genesis.validators.map(\.name) }
}
