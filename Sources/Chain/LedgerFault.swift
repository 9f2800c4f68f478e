import GoudCore
import RocksDB

/// What goes wrong with a ledger's database, in the house's words.
enum LedgerFault {
  static let repair = "rebuild the volume from the other nodes or a backup (goud volume repair), or restore a backup"

  static func corrupt(_ directory: String, _ what: String, cause: (any Error)? = nil) -> GoudError {
    GoudError(
      .databaseCorrupt, "the ledger in \(directory) is damaged: \(what)", hint: repair, context: ["path": directory],
      cause: cause)
  }

  static func notALedger(_ directory: String, _ what: String) -> GoudError {
    GoudError(
      .chainNotALedger, "\(directory) \(what)", hint: "name the volume of a node", context: ["path": directory])
  }

  /// Runs `body` and turns what RocksDB throws into `database.corrupt` or `database.failed`.
  static func translate<Result>(_ directory: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as RocksDBError {
      switch error.kind {
      case .corruption: throw corrupt(directory, error.message, cause: error)
      default: throw GoudError(.databaseFailed, "\(directory): \(error.message)", cause: error)
      }
    }
  }
}
