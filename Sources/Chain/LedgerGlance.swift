import GoudCore
import RocksDB

/// A ledger seen from outside: what it is, and single blocks, of a database that nobody has open for writing, or of a
/// snapshot's view. Nothing is written, and nothing is checked but the form of what is read. The database stays open as
/// long as this is there: opening it reads its logs.
public struct LedgerGlance: Sendable {
  public let facts: ChainFacts
  private let database: Database
  private let name: String

  /// - Parameter name: what errors call the database; nil: its directory. For a view, which nobody knows by its path.
  /// - Returns: nil when the database is not a ledger.
  /// - Throws: `chain.newer-schema`; `database.corrupt` when a ledger's head or genesis block is not whole.
  public init?(directory: String, as name: String? = nil) throws {
    let shown = name ?? directory
    let found: (Database, ChainFacts)? = try LedgerFault.translate(shown) {
      let families = try DatabaseView.families(in: directory)
      guard families.contains(LedgerFormat.blocks) else { return nil }
      let database = try Database(
        directory: directory, families: [LedgerFormat.meta, LedgerFormat.blocks],
        options: LedgerOptions.reading, readOnly: true)
      guard let meta = try LedgerMeta(database, shown) else { return nil }
      try meta.refuseNewerSchema(shown)
      let stored = StoredLedger(directory: shown, database: database)
      let genesis = try stored.genesis()
      let rules = try stored.rules(genesis)
      let state = try stored.state(rules.chain)
      let facts = ChainFacts(
        chain: rules.chain, schemaVersion: meta.schemaVersion, head: state.head, acknowledged: state.acknowledged,
        genesis: rules.genesis)
      return (database, facts)
    }
    guard let found else { return nil }
    (database, facts) = found
    self.name = shown
  }

  /// - Throws: `database.corrupt` when it is missing or is no block.
  public func block(at height: UInt64) throws -> Block {
    let bytes = try LedgerFault.translate(name) {
      try database.value(for: LedgerFormat.key(height), family: LedgerFormat.blocks)
    }
    guard let bytes else { throw LedgerFault.corrupt(name, "block \(height) is missing") }
    do {
      return try Block(decoding: bytes, chain: height == 0 ? nil : facts.chain)
    } catch {
      throw LedgerFault.corrupt(name, "block \(height): \(error.message)", cause: error)
    }
  }

  /// Where the block of a height stands, by the hash of what is stored.
  /// - Throws: what `block(at:)` throws.
  public func reference(at height: UInt64) throws -> BlockReference { try block(at: height).reference }
}

extension ChainFacts {
  /// Reads them from a database that no process has open, or from a snapshot's view of one. Nothing is written.
  ///
  /// - Parameter name: what errors call the database; nil: its directory. For a view, which nobody knows by its path.
  /// - Returns: nil when the database is not a ledger.
  /// - Throws: `chain.newer-schema`; `database.corrupt` when a ledger's head or genesis block is not whole.
  public static func read(directory: String, as name: String? = nil) throws -> ChainFacts? {
    try LedgerGlance(directory: directory, as: name)?.facts
  }
}
