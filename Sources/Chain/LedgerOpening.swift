import Foundation
import GoudCore
import RocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// Opens or founds a ledger. Looks first, with nothing written, and refuses before anything is changed.
struct LedgerOpening {
  let directory: String
  let door: LedgerDoor
  let database: Database
  let genesis: Block
  let rules: BlockRules
  private(set) var state: LedgerState

  init(directory: String, expected: Block?) throws {
    let expectedRules = try expected.map(Self.rules)
    self.directory = directory
    if expected != nil { try Self.makeDirectory(directory) }
    door = try LedgerDoor(directory)
    let founded = try Self.look(directory, expected: expectedRules)
    if !founded && expected == nil { throw LedgerFault.notALedger(directory, "holds no ledger yet") }
    database = try LedgerFault.translate(directory) {
      try Database(directory: directory, families: LedgerFormat.families, options: LedgerOptions.writing)
    }
    if !founded, let expected { try Self.found(database, directory, expected) }
    let stored = StoredLedger(directory: directory, database: database)
    genesis = try stored.genesis()
    rules = try stored.rules(genesis)
    state = try stored.state(rules.chain)
  }

  private static func rules(_ genesis: Block) throws -> BlockRules {
    do {
      return try BlockRules(genesis: genesis)
    } catch {
      throw error.error
    }
  }

  private static func makeDirectory(_ directory: String) throws {
    guard mkdir(directory, 0o700) != 0 else { return }
    guard errno == EEXIST else { throw GoudError.system("create", directory) }
  }

  /// Whether there is a ledger that may be opened; false: nothing is there, or a founding that was cut short.
  private static func look(_ directory: String, expected: BlockRules?) throws -> Bool {
    guard try FileSystem.status("\(directory)/CURRENT") != nil else {
      try refuseStrangers(directory)
      return false
    }
    return try LedgerFault.translate(directory) {
      let families = try DatabaseView.families(in: directory)
      let meta = try LedgerMeta.read(directory)
      guard let meta else {
        guard try isUnfinished(directory, families) else {
          throw LedgerFault.notALedger(directory, "holds a database that is not a ledger")
        }
        return false
      }
      try meta.refuseNewerSchema(directory)
      if let expected, meta.chain != expected.chain {
        throw GoudError(
          .chainForeign,
          "\(directory) belongs to chain \(meta.chain.hex.prefix(12)), expected is \(expected.chain.hex.prefix(12))",
          hint: "name the volume of this network, or restore a backup of it",
          context: ["path": directory, "chain": meta.chain.hex, "expected": expected.chain.hex])
      }
      let missing = LedgerFormat.families.filter { !families.contains($0) }
      guard missing.isEmpty else {
        throw LedgerFault.corrupt(directory, "column families are missing: \(missing.joined(separator: ", "))")
      }
      if let stranger = families.first(where: { !LedgerFormat.families.contains($0) }) {
        throw LedgerFault.notALedger(directory, "has a column family that no ledger has, \(stranger)")
      }
      return true
    }
  }

  /// Tables without `CURRENT` are a damaged database, not room for a new one.
  private static func refuseStrangers(_ directory: String) throws {
    guard try FileSystem.status(directory) != nil else { return }
    let strangers = try FileSystem.names(in: directory).filter {
      $0.hasSuffix(".sst") || $0.hasSuffix(".log") || $0.hasPrefix("MANIFEST-") && $0 != "MANIFEST-000001"
    }
    if !strangers.isEmpty {
      throw LedgerFault.corrupt(directory, "CURRENT is missing beside \(strangers.sorted()[0])")
    }
  }

  /// A founding that was cut short has no family of another name, and nothing in any.
  private static func isUnfinished(_ directory: String, _ families: [String]) throws -> Bool {
    guard families.allSatisfy(LedgerFormat.families.contains) else { return false }
    let database = try Database(
      directory: directory, families: families, options: LedgerOptions.reading, readOnly: true)
    var empty = true
    for family in families {
      try database.scan(family: family) { _, _ in
        empty = false
        return false
      }
    }
    return empty
  }

  private static func found(_ database: Database, _ directory: String, _ genesis: Block) throws {
    let batch = WriteBatch()
    var version: [UInt8] = []
    version.append(bigEndian: ChainSchema.version)
    database.put(version, for: LedgerFormat.Meta.schema, into: batch)
    database.put(genesis.hash.bytes, for: LedgerFormat.Meta.chain, into: batch)
    database.put(LedgerFormat.head(genesis.reference), for: LedgerFormat.Meta.head, into: batch)
    database.put(LedgerFormat.key(0), for: LedgerFormat.Meta.acknowledged, into: batch)
    database.put(LedgerFormat.key(0) + genesis.hash.bytes, for: LedgerFormat.Meta.counted, into: batch)
    database.put(genesis.encoded, for: LedgerFormat.key(0), family: LedgerFormat.blocks, into: batch)
    try LedgerFault.translate(directory) { try database.write(batch, sync: true) }
    try FileSystem.synchronize(directory: FileSystem.parent(of: directory))
  }
}
