import GoudCore
import RocksDB

/// A database that nobody writes, opened where it is: no file is held, linked or copied for it.
///
/// For the ordinary one, which has all of its files in one directory and an order of keys that RocksDB ships. Of any other,
/// and of one that does not open, a `DatabaseSnapshot` says more.
enum RestingDatabase {
  /// - Returns: nil when it must be looked at in another way.
  static func view(_ location: DatabaseLocation, _ layout: DatabaseLayout, _ options: SnapshotOptions) throws
    -> DatabaseView?
  {
    guard layout.isPlain, let directory = try layout.volume.directory(location.path),
      let current = try directory.file("CURRENT", others: .absent)
    else { return nil }
    let name = String(decoding: try current.readAll(limit: 4096), as: UTF8.self)
    guard name.hasSuffix("\n"), DatabaseFileName(String(name.dropLast())).isManifest,
      let file = try directory.file(String(name.dropLast()), others: .absent)
    else { return nil }
    let families = try Manifest(file).families.values
    let scratch = try Scratch(options)
    var capture = LogCapture(scratch: scratch, isAtRest: true)
    guard !families.contains(where: \.isOrderedByApplication),
      let copies = try capture.look(in: directory, options.cancellation)
    else { return nil }
    let logs = try CapturedLog.judge(copies, scratch)
    // RocksDB sees logs as they lie here, so it is shown none with anything but whole records (`CapturedLog.readable`).
    guard logs.allSatisfy({ $0.finding == .sound && $0.scan.fault == nil }),
      let view = try? DatabaseView(
        directory: location.directory, openings: families.map { $0.opening(anonymous: false) }),
      logs.fault(in: view) == nil
    else { return nil }
    return view
  }
}

extension DatabaseLayout {
  /// Whether the logs and all tables lie in the database's own directory.
  fileprivate var isPlain: Bool { tablePaths == [logPath] && missingLogs == nil }
}
