import GoudCore
import RocksDB

/// What is wrong with the logs of a capture, as the user sees it.
enum LogFault {
  /// A log with whole pieces of records behind a damaged one: RocksDB would drop or skip some without a word.
  static func damaged(_ path: String, _ scan: LogScan) -> GoudError {
    let offset = scan.fault?.offset ?? scan.end
    let behind = scan.records - scan.recordsBeforeFault
    let lost = behind > 0 ? "\(behind) whole records" : "parts of a record"
    return GoudError(
      .databaseCorrupt, "the log \(path) is damaged at byte \(offset), and \(lost) behind it would be lost",
      hint: "restore an earlier backup, rebuild the volume from a peer, or pass --unproven to store it as it is",
      context: ["file": path, "offset": "\(offset)"])
  }

  /// RocksDB recovers fewer records than the logs hold: of a kind that it does not know, or for a reason of its own.
  static func unreadRecords(_ path: String, _ whole: Int, _ read: Int) -> GoudError {
    GoudError(
      .databaseCorrupt,
      "RocksDB \(RocksDBLibrary.version) recovers \(read) of the \(whole) records in the logs up to \(path)",
      hint: "use a goud built against a newer RocksDB, or pass --unproven to store it as it is",
      context: ["file": path])
  }

  /// A live log with records that recovery would drop without a word, since the log before it ends in a bad record.
  static func unread(_ path: String, after damaged: String?) -> GoudError {
    let why = damaged.map { ": the log \($0) is damaged at its end" } ?? ""
    return GoudError(
      .databaseCorrupt, "the log \(path) would not be recovered, and its records would be lost\(why)",
      hint: "restore an earlier backup, rebuild the volume from a peer, or pass --unproven to store it as it is",
      context: ["file": damaged ?? path, "unread": path])
  }
}
