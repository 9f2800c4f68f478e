import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Steps 1 to 4 of a snapshot: what a live database consisted of at one moment, held as open files.
///
/// RocksDB never changes a table after writing it, and a deleted file lives on while somebody holds it open. It logs
/// every change of its file list to the `MANIFEST` *before* it deletes what the change made obsolete. So when the
/// `MANIFEST` has not grown between two looks, nothing that its prefix names, and no log it still needs, was deleted
/// in between. Without that second look a view can open cleanly and still miss acknowledged writes.
struct DatabaseCapture {
  typealias HeldFile = HeldTables.File

  /// A small file, in memory.
  struct SmallFile {
    let name: String
    let bytes: [UInt8]
    let status: stat
  }

  let current: SmallFile
  let manifest: HeldFile
  let manifestSize: Int64
  /// Those that the `MANIFEST` does not list are dropped later.
  let tables: HeldTables
  /// Oldest first.
  let logs: [CapturedLog]
  let options: SmallFile?
  let identity: SmallFile?
  /// When the logs were copied: every write acknowledged before is in the capture.
  let moment: Date
  let attempts: Int
}

/// Where the parts of one database lie, and how hard to try.
struct CapturePlan {
  var location: DatabaseLocation
  var layout: DatabaseLayout
  /// How long to go on trying for two equal looks.
  var patience: Duration = .seconds(60)
  /// Only tests change these: a capture without the second look must be caught by the oracle.
  var secondLook = true
  var pauseBeforeLogs: Duration = .zero
}

extension DatabaseCapture {
  /// Tries until two looks agree.
  /// - Throws: `snapshot.unstable` when they never do within `plan.patience`.
  /// - Parameters:
  ///   - tables: those of an earlier capture are kept as far as they are still there.
  ///   - logs: what earlier looks have copied of them is kept.
  static func take(
    _ plan: CapturePlan, keeping tables: inout HeldTables, _ logs: inout LogCapture, cancellation: Cancellation
  ) throws -> DatabaseCapture {
    let deadline = ContinuousClock.now + plan.patience
    var attempts = 0
    var faults = 0
    while true {
      try cancellation.check()
      attempts += 1
      do {
        let attempt = try CaptureAttempt(plan: plan, cancellation: cancellation)
        if let capture = try attempt.run(keeping: &tables, &logs, attempts: attempts) { return capture }
      } catch let error as GoudError where error.code == .databaseCorrupt && faults < 2 {
        // A checkpoint that is being removed may have lost its MANIFEST first.
        faults += 1
        usleep(UInt32(faults) * 50_000)
        continue
      }
      guard ContinuousClock.now < deadline || attempts < 8 else {
        throw GoudError(
          .snapshotUnstable,
          "\(plan.location.directory) changed its files faster than they could be listed, \(attempts) times in a row",
          hint: "try again, or at a quieter time; on slow storage keep the logs small",
          context: ["attempts": "\(attempts)"])
      }
      // A flush is over sooner when we are out of its way: none for the first tries, then up to 16 ms, at random.
      if attempts > 4 { usleep(UInt32.random(in: 0...UInt32(min(attempts, 16)) * 1000)) }
    }
  }
}

/// One try. Returns nil when the database changed under it.
private struct CaptureAttempt {
  let plan: CapturePlan
  let directory: UntrustedDirectory
  let tableDirectories: [UntrustedDirectory]
  let logDirectory: UntrustedDirectory
  let cancellation: Cancellation

  /// Opens the directories anew: they may be renamed or made anew between two tries.
  init(plan: CapturePlan, cancellation: Cancellation) throws {
    self.plan = plan
    self.cancellation = cancellation
    func open(_ path: String) throws -> UntrustedDirectory? { try plan.layout.volume.directory(path) }
    guard let directory = try open(plan.location.path), let logDirectory = try open(plan.layout.logPath) else {
      throw GoudError(
        .volumeNoDatabase, "\(plan.location.directory) is gone", context: ["path": plan.location.directory])
    }
    self.directory = directory
    tableDirectories = try [directory] + plan.layout.tablePaths.dropFirst().compactMap(open)
    self.logDirectory = logDirectory
  }

  func run(keeping tables: inout HeldTables, _ logs: inout LogCapture, attempts: Int) throws -> DatabaseCapture? {
    // 1. The file list, up to its present size.
    guard let current = try small("CURRENT") else { throw noDatabase }
    let manifestName = try manifestName(in: current)
    guard let file = try directory.file(manifestName) else {
      // CURRENT changes before the MANIFEST that it named is deleted.
      guard try small("CURRENT")?.bytes == current.bytes else { return nil }
      throw GoudError(
        .databaseCorrupt, "\(directory.path) is damaged: CURRENT names \(manifestName), which is missing",
        hint: "restore an earlier backup, or rebuild the volume from a peer", context: ["path": directory.path])
    }
    let manifest = DatabaseCapture.HeldFile(name: manifestName, path: file.path, file: file, status: try file.status())
    let manifestSize = Int64(manifest.status.st_size)
    // 2. Everything it can name.
    try tables.update(from: tableDirectories)
    if plan.pauseBeforeLogs > .zero { Thread.sleep(forTimeInterval: plan.pauseBeforeLogs / .seconds(1)) }
    // 3. The logs, oldest first.
    let moment = Date()
    guard let copies = try logs.look(in: logDirectory, cancellation) else { return nil }
    // 4. Look again.
    if plan.secondLook {
      guard try same(current, manifest: manifest, size: manifestSize), try logs.isUnchanged(copies, in: logDirectory)
      else { return nil }
    }
    return DatabaseCapture(
      current: current, manifest: manifest, manifestSize: manifestSize, tables: tables,
      logs: try CapturedLog.judge(copies, logs.scratch),
      options: try newestOptions(), identity: try small("IDENTITY"), moment: moment, attempts: attempts)
  }

  private func newestOptions() throws -> DatabaseCapture.SmallFile? {
    let names = try directory.names().compactMap { name -> (UInt64, String)? in
      if case .options(let number) = DatabaseFileName(name) { (number, name) } else { nil }
    }
    for (_, name) in names.sorted(by: { $0.0 > $1.0 }) {
      if let file = try small(name) { return file }
    }
    return nil
  }

  private func small(_ name: String) throws -> DatabaseCapture.SmallFile? {
    guard let file = try directory.file(name) else { return nil }
    let (bytes, status) = (try file.readAll(), try file.status())
    // It is replaced, never written again: a read that ends early is not believed.
    guard bytes.count == status.st_size else {
      throw GoudError(.ioFailed, "\(file.path) has \(status.st_size) bytes, of which \(bytes.count) could be read")
    }
    return .init(name: name, bytes: bytes, status: status)
  }

  private func same(_ current: DatabaseCapture.SmallFile, manifest: DatabaseCapture.HeldFile, size: Int64) throws
    -> Bool
  {
    guard try small("CURRENT")?.bytes == current.bytes, let named = try directory.status(manifest.name) else {
      return false
    }
    return named.identity == manifest.status.identity && Int64(named.st_size) == size
  }

  private func manifestName(in current: DatabaseCapture.SmallFile) throws -> String {
    let text = String(decoding: current.bytes, as: UTF8.self)
    if text.hasSuffix("\n"), case .manifest = DatabaseFileName(String(text.dropLast())) {
      return String(text.dropLast())
    }
    throw GoudError(
      .databaseCorrupt, "\(directory.path)/CURRENT does not name a MANIFEST",
      hint: "the database is damaged, or encrypted by its application (an encrypted Env cannot be backed up)")
  }

  private var noDatabase: GoudError {
    GoudError(.volumeNoDatabase, "\(directory.path) holds no RocksDB: CURRENT is missing")
  }
}
