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

  /// RocksDB names a file by the view's directory, and a missing table by LevelDB's `.ldb`, which it tries last.
  private static func inUsersTerms(_ message: String, view: String, names: some Sequence<String>) -> String {
    let words = message.replacingOccurrences(of: "\(view)/", with: "")
    return names.contains { $0.hasSuffix(".ldb") } ? words : words.replacingOccurrences(of: ".ldb", with: ".sst")
  }

  /// A live table that the linked library cannot read: opening looks into few of them.
  static func unreadable(_ capture: DatabaseCapture, _ opening: ViewOpening, options: OptionsFile?) -> GoudError? {
    guard !opening.unreadable.isEmpty else { return nil }
    let live = opening.unreadable.intersection(opening.view.liveFiles.map(DatabaseFileName.init))
    return tooNew(capture, of: live.compactMap { capture.tables.files[$0] }, options: options, cause: nil)
  }

  private static func tooNew(
    _ capture: DatabaseCapture, of tables: some Sequence<HeldTables.File>, options: OptionsFile?, cause: RocksDBError?
  ) -> GoudError? {
    for table in tables {
      guard DatabaseFileName(table.name).isTable, case let format = table.format, !format.isReadable else { continue }
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
