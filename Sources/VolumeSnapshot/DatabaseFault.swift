import Foundation
import GoudCore
import RocksDB

/// What RocksDB's refusal to open a view means to the user.
struct DatabaseFault {
  let error: GoudError

  /// - Parameter view: the directory that RocksDB saw; its name means nothing to the user.
  init(_ failure: RocksDBError, capture: DatabaseCapture, view: String, options: OptionsFile?) {
    let directory = FileSystem.parent(of: capture.manifest.file.path)
    let words = Self.inUsersTerms(failure.message, view: view, names: capture.tables.files.values.map(\.name))
    if let unreadable = Self.tooNew(capture, of: capture.tables.files.values, options: options, cause: failure) {
      error = unreadable
    } else if failure.kind == .invalidArgument || failure.kind == .notSupported {
      error = GoudError(
        .databaseUnsupported, "\(directory) cannot be opened by RocksDB \(RocksDBLibrary.version): \(words)",
        hint: "pass --unproven to store what cannot be proven here", cause: failure)
    } else {
      error = GoudError(
        .databaseCorrupt, "\(directory) is damaged: \(words)",
        hint: "if the database keeps tables in further directories (db_paths), name the directory that holds all of "
          + "them; otherwise restore an earlier backup, or rebuild the volume from a peer", cause: failure)
    }
  }

  /// A log with whole pieces of records behind a damaged one: RocksDB would drop or skip some without a word.
  static func damagedLog(_ path: String, _ scan: LogScan) -> GoudError {
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
  static func unreadLog(_ path: String, after damaged: String?) -> GoudError {
    let why = damaged.map { ": the log \($0) is damaged at its end" } ?? ""
    return GoudError(
      .databaseCorrupt, "the log \(path) would not be recovered, and its records would be lost\(why)",
      hint: "restore an earlier backup, rebuild the volume from a peer, or pass --unproven to store it as it is",
      context: ["file": damaged ?? path, "unread": path])
  }

  /// RocksDB names a file by the view's directory, and a missing table by LevelDB's `.ldb`, which it tries last.
  private static func inUsersTerms(_ message: String, view: String, names: some Sequence<String>) -> String {
    let words = message.replacingOccurrences(of: "\(view)/", with: "")
    return names.contains { $0.hasSuffix(".ldb") } ? words : words.replacingOccurrences(of: ".ldb", with: ".sst")
  }

  /// A live table that the linked library cannot read: opening looks into few of them.
  static func unreadable(_ capture: DatabaseCapture, live names: Set<String>, options: OptionsFile?) -> GoudError? {
    let live = Set(names.map(DatabaseFileName.init))
    return tooNew(
      capture, of: capture.tables.files.filter { live.contains($0.key) }.values, options: options, cause: nil)
  }

  private static func tooNew(
    _ capture: DatabaseCapture, of tables: some Sequence<HeldTables.File>, options: OptionsFile?, cause: RocksDBError?
  ) -> GoudError? {
    for table in tables {
      guard case .table = DatabaseFileName(table.name), let format = try? TableFormat(of: table.file),
        !format.isReadable
      else { continue }
      let writer = options?.version.map { "written by RocksDB \($0), " } ?? ""
      return GoudError(
        .databaseUnsupported,
        "\(FileSystem.parent(of: capture.manifest.file.path)) holds tables that cannot be read here: \(writer)"
          + "\(format); linked is RocksDB \(RocksDBLibrary.version), which reads up to table format "
          + "\(RocksDBLibrary.newestTableFormat)",
        hint: "use a goud built against a newer RocksDB, or pass --unproven to store what cannot be proven here",
        cause: cause)
    }
    return nil
  }
}
