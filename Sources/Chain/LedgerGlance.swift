import GoudCore
import RocksDB

/// A ledger seen from outside: single blocks of a database that nobody has open for writing, or of a snapshot's view.
/// Nothing is written, and nothing is checked but the form of what is read.
public struct LedgerGlance: Sendable {
  private let database: Database
  private let name: String
  private let chain: BlockHash

  /// - Parameters:
  ///   - chain: the chain that it holds (`ChainFacts`).
  ///   - name: what errors call the database; nil: its directory.
  public init(directory: String, chain: BlockHash, as name: String? = nil) throws {
    self.name = name ?? directory
    self.chain = chain
    database = try LedgerFault.translate(self.name) {
      try Database(
        directory: directory, families: [LedgerFormat.meta, LedgerFormat.blocks],
        options: LedgerOpening.readingOptions, readOnly: true)
    }
  }

  /// - Throws: `database.corrupt` when it is missing or is no block.
  public func block(at height: UInt64) throws -> Block {
    let bytes = try LedgerFault.translate(name) {
      try database.value(for: LedgerFormat.key(height), family: LedgerFormat.blocks)
    }
    guard let bytes else { throw LedgerFault.corrupt(name, "block \(height) is missing") }
    do {
      return try Block(decoding: bytes, chain: height == 0 ? nil : chain)
    } catch {
      throw LedgerFault.corrupt(name, "block \(height): \(error.message)", cause: error)
    }
  }

  /// Where the block of a height stands, by the hash of what is stored.
  /// - Throws: what `block(at:)` throws.
  public func reference(at height: UInt64) throws -> BlockReference { try block(at: height).reference }
}
