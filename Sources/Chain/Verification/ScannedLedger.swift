import Foundation
import GoudCore
import RocksDB

/// What the verifier takes a ledger for before it walks it: its meta values, read apart from the ledger's own code, and
/// its genesis block.
struct ScannedLedger: Sendable {
  let database: Database
  let schemaVersion: UInt32
  let chain: [UInt8]
  let genesis: ScannedGenesis
  let authority: [UInt8]
  let signatures: SignatureCheck
  let head: UInt64
  let headEpoch: UInt64
  let headHash: [UInt8]
  let acknowledged: UInt64
  /// Up to this height it was counted what accounts store; nil when it was not, or on another chain: then it is counted
  /// anew.
  let counted: UInt64?
  /// The highest block to check.
  let top: UInt64

  private static let families = ["default", "blocks"] + IndexFamily.allCases.map(\.name)

  init(directory: String, height: UInt64?, chain expected: BlockHash?) throws {
    let present = try DatabaseView.families(in: directory)
    guard Set(present) == Set(Self.families) else {
      throw LedgerFault.notALedger(directory, "holds other column families than a ledger")
    }
    let database = try Database(
      directory: directory, families: Self.families, options: Self.options, readOnly: true)
    func meta(_ name: String, _ count: Int) throws -> [UInt8] {
      guard let value = try database.value(for: Array(name.utf8)), value.count == count else {
        throw ChainFault(.head, at: nil, "the value of \(name) is missing or malformed")
      }
      return value
    }
    guard try database.value(for: Array("schema".utf8)) != nil else {
      throw LedgerFault.notALedger(directory, "holds no schema version")
    }
    self.database = database
    schemaVersion = UInt32(Self.number(try meta("schema", 4)))
    guard schemaVersion == 1 else {
      throw GoudError(
        .chainNewerSchema, "\(directory) has schema version \(schemaVersion); this version of goud verifies 1",
        hint: "use the goud that wrote it")
    }
    chain = try meta("chain", 32)
    if let expected, expected.bytes != chain {
      throw GoudError(
        .chainForeign, "\(directory) holds chain \(Hex.text(chain.prefix(6))) instead of \(expected.hex.prefix(12))",
        context: ["path": directory, "chain": Hex.text(chain), "expected": expected.hex])
    }
    let named = try meta("head", 48)
    head = Self.number(named[..<8])
    headEpoch = Self.number(named[8..<16])
    headHash = Array(named[16...])
    acknowledged = Self.number(try meta("acknowledged", 8))
    counted = try Self.counted(database, chain, head)
    top = height ?? head
    genesis = try Self.genesis(database, chain)
    authority = genesis.validators[0].key
    guard let signatures = SignatureCheck(key: authority) else {
      throw ChainFault(.genesis, at: 0, "the authority's key is not one")
    }
    self.signatures = signatures
    guard head >> 62 == 0 else { throw ChainFault(.head, at: nil, "a head at \(head), which no chain comes to") }
    guard top <= head else { throw ChainFault(.missing, at: top, "above the head, \(head)") }
    guard acknowledged <= head else {
      throw ChainFault(.head, at: head, "the head is below the acknowledged height, \(acknowledged)")
    }
    guard genesis.schemaVersion == schemaVersion else {
      throw ChainFault(.genesis, at: 0, "founded with schema version \(genesis.schemaVersion)")
    }
  }

  /// Of the tables that hold blocks, for a progress line: what is only in logs is not counted.
  var blockBytes: Int64 {
    Int64(database.property("rocksdb.estimate-live-data-size", family: "blocks") ?? "") ?? 0
  }

  private static func counted(_ database: Database, _ chain: [UInt8], _ head: UInt64) throws -> UInt64? {
    guard let value = try database.value(for: Array("counted".utf8)) else { return nil }
    guard value.count == 40 else { throw ChainFault(.head, at: nil, "the value of counted is malformed") }
    let height = number(value[..<8])
    guard height <= head, let bytes = try database.value(for: ChainWalk.key(height), family: "blocks") else {
      return nil
    }
    return try bytes.withUnsafeBytes { bytes in
      let hash = try ChainWalk.scan(bytes, height).hash(chain: height == 0 ? ChainWalk.zeros : chain)
      return hash.elementsEqual(value[8...]) ? height : nil
    }
  }

  private static func genesis(_ database: Database, _ chain: [UInt8]) throws -> ScannedGenesis {
    guard let bytes = try database.value(for: ChainWalk.key(0), family: "blocks") else {
      throw ChainFault(.missing, at: 0, "missing")
    }
    return try bytes.withUnsafeBytes { bytes in
      let block = try ChainWalk.scan(bytes, 0)
      guard block.hash(chain: ChainWalk.zeros) == chain else {
        throw ChainFault(.genesis, at: 0, "its hash is not the chain's id")
      }
      guard block.entries.count == 1, case .genesis(let genesis) = try ChainWalk.entry(block.entries[0], 0, 0) else {
        throw ChainFault(.genesis, at: 0, "not a genesis block")
      }
      return genesis
    }
  }

  private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

  private static var options: DatabaseOptions {
    var options = DatabaseOptions()
    options.createIfMissing = false
    options.blockCacheBytes = 32 << 20
    options.maxOpenFiles = 128
    options.recovery = .tolerateCutTail
    options.diary = .none
    return options
  }
}
