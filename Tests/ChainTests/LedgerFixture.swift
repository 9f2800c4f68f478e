import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport

/// The column families of a ledger, as docs/chain.md names them.
let ledgerFamilies = ["default", "blocks", "accounts", "account_keys", "entries", "entry_ids"]

/// A ledger's database with the ledger's rules out of the way.
func tamper(_ directory: String, _ body: (Database, WriteBatch) throws -> Void) throws {
  let database = try Database(directory: directory, families: ledgerFamilies)
  let batch = WriteBatch()
  try body(database, batch)
  try database.write(batch, sync: true)
}

/// `height` as a key.
func blockKey(_ height: UInt64) -> [UInt8] { withUnsafeBytes(of: height.bigEndian) { Array($0) } }

/// Height and index.
func place(_ height: UInt64, _ index: UInt32) -> [UInt8] {
  blockKey(height) + withUnsafeBytes(of: index.bigEndian) { Array($0) }
}

/// The value of `head`.
func headValue(_ reference: BlockReference) -> [UInt8] {
  blockKey(reference.height) + blockKey(reference.epoch) + reference.hash.bytes
}

/// What `body` was refused with; nil when it was not.
func refusal(_ body: () throws -> Void) -> GoudError? {
  do {
    try body()
    return nil
  } catch {
    return error as? GoudError ?? GoudError(.internalFault, "not an error of the house: \(error)")
  }
}

/// Names, sizes and content of every file below a directory.
func content(of directory: String) throws -> [String: Data] {
  var files: [String: Data] = [:]
  for name in try FileSystem.names(in: directory) {
    files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)"))
  }
  return files
}
