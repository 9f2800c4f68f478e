import GoudCore
import RocksDB

/// What a ledger's family `default` says.
struct LedgerMeta {
  let schemaVersion: UInt32
  let chain: BlockHash
  let height: UInt64
  let epoch: UInt64
  let head: BlockHash
  let acknowledged: UInt64
  let promise: EpochPromise?

  /// Reads it from a database that nobody need have open; nothing is written.
  /// - Returns: nil when the database holds no schema version: it is not a ledger.
  /// - Throws: `RocksDBError`; `database.corrupt` when a value is missing or malformed.
  static func read(_ directory: String) throws -> LedgerMeta? {
    let database = try Database(
      directory: directory, families: [LedgerFormat.meta], options: LedgerOptions.reading, readOnly: true)
    return try LedgerMeta(database, directory)
  }

  init?(_ database: Database, _ directory: String) throws {
    func value(_ key: [UInt8]) throws -> [UInt8]? { try database.value(for: key) }
    func broken(_ key: [UInt8]) -> GoudError {
      LedgerFault.corrupt(directory, "the value of \(String(decoding: key, as: UTF8.self)) cannot be read")
    }
    typealias Key = LedgerFormat.Meta
    guard let schema = try value(Key.schema) else { return nil }
    guard schema.count == 4, let version: UInt32 = schema.bigEndian() else { throw broken(Key.schema) }
    schemaVersion = version
    guard let chain = try value(Key.chain).flatMap({ BlockHash($0) }) else { throw broken(Key.chain) }
    self.chain = chain
    guard let head = try value(Key.head), head.count == 48, let height: UInt64 = head.bigEndian(),
      let epoch: UInt64 = head.bigEndian(at: 8), let hash = BlockHash(Array(head[16...])),
      height <= BlockLimits.height, epoch <= BlockLimits.epoch
    else { throw broken(Key.head) }
    self.height = height
    self.epoch = epoch
    self.head = hash
    guard let acknowledged = try value(Key.acknowledged), acknowledged.count == 8 else {
      throw broken(Key.acknowledged)
    }
    self.acknowledged = acknowledged.bigEndian() ?? 0
    promise = try value(Key.promise).map { bytes in
      guard bytes.count == 24, let epoch: UInt64 = bytes.bigEndian() else { throw broken(Key.promise) }
      return EpochPromise(epoch: epoch, nonce: Array(bytes[8...]))
    }
  }

  func refuseNewerSchema(_ directory: String) throws {
    guard schemaVersion != ChainSchema.version else { return }
    throw GoudError(
      .chainNewerSchema,
      "\(directory) has schema version \(schemaVersion); this version of goud reads \(ChainSchema.version)",
      hint: "use the goud that wrote it; nothing was changed",
      context: ["path": directory, "schema": "\(schemaVersion)"])
  }
}

/// The checks of an opened ledger: each reads one block at most.
struct StoredLedger {
  let directory: String
  let database: Database

  func genesis() throws -> Block {
    guard let bytes = try value(0) else { throw LedgerFault.corrupt(directory, "block 0 is missing") }
    return try whole { () throws(ChainFault) in try Block(decoding: bytes, chain: nil) }
  }

  func rules(_ genesis: Block) throws -> BlockRules {
    try whole { () throws(ChainFault) in try BlockRules(genesis: genesis) }
  }

  /// Head and acknowledged height; the head block must be there, have the hash named, and be the last one.
  func state(_ chain: BlockHash) throws -> LedgerState {
    guard let meta = try LedgerFault.translate(directory, { try LedgerMeta(database, directory) }) else {
      throw LedgerFault.corrupt(directory, "the schema version is missing")
    }
    guard meta.chain == chain else { throw LedgerFault.corrupt(directory, "block 0 is of another chain") }
    guard let bytes = try value(meta.height) else {
      throw LedgerFault.corrupt(directory, "block \(meta.height), the head, is missing")
    }
    let block = try whole { () throws(ChainFault) in try Block(decoding: bytes, chain: chain) }
    guard block.height == meta.height, block.hash == meta.head, block.epoch == meta.epoch else {
      throw LedgerFault.corrupt(directory, "block \(meta.height) is not the head")
    }
    guard meta.acknowledged <= meta.height else {
      throw LedgerFault.corrupt(directory, "the head is below the acknowledged height")
    }
    try LedgerFault.translate(directory) {
      try database.scan(family: LedgerFormat.blocks, from: LedgerFormat.key(meta.height + 1), readAhead: 0) { _, _ in
        throw LedgerFault.corrupt(directory, "there is a block above the head, \(meta.height)")
      }
    }
    return LedgerState(
      head: block.reference, acknowledged: meta.acknowledged, promise: meta.promise,
      counted: try counted(upTo: block.reference, chain))
  }

  /// Up to where it is counted what accounts store; nil when that was another chain, or nothing was counted.
  private func counted(upTo head: BlockReference, _ chain: BlockHash) throws -> UInt64? {
    let value = try LedgerFault.translate(directory) { try database.value(for: LedgerFormat.Meta.counted) }
    guard let value, value.count == 40, let height: UInt64 = value.bigEndian(), height <= head.height else {
      return nil
    }
    if height == head.height { return value[8...].elementsEqual(head.hash.bytes) ? height : nil }
    guard let bytes = try self.value(height) else { return nil }
    let block = try whole { () throws(ChainFault) in try Block(decoding: bytes, chain: height == 0 ? nil : chain) }
    return value[8...].elementsEqual(block.hash.bytes) ? height : nil
  }

  private func value(_ height: UInt64) throws -> [UInt8]? {
    try LedgerFault.translate(directory) {
      try database.value(for: LedgerFormat.key(height), family: LedgerFormat.blocks)
    }
  }

  private func whole<Result>(_ body: () throws(ChainFault) -> Result) throws -> Result {
    do { return try body() } catch { throw LedgerFault.corrupt(directory, error.description, cause: error) }
  }
}
