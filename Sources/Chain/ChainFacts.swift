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

  /// Reads them from a database that no process has open, or from a snapshot's view of one. Nothing is written.
  ///
  /// - Parameter name: what errors call the database; nil: its directory. For a view, which nobody knows by its path.
  /// - Returns: nil when the database is not a ledger.
  /// - Throws: `chain.newer-schema`; `database.corrupt` when a ledger's head or genesis block is not whole.
  public static func read(directory: String, as name: String? = nil) throws -> ChainFacts? {
    try LedgerGlance(directory: directory, as: name)?.facts
  }
}
