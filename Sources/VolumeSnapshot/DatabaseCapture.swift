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
  /// A table or blob file: open, immutable.
  struct HeldFile {
    let name: String
    let file: Descriptor
    let status: stat
  }

  /// A log: copied at once, since a recycled log is overwritten in place.
  struct CopiedLog {
    let number: UInt64
    let name: String
    let source: Descriptor
    let status: stat
    let copy: Descriptor
    let size: Int64
  }

  /// A small file, in memory.
  struct SmallFile {
    let name: String
    let bytes: [UInt8]
    let status: stat
  }

  let current: SmallFile
  let manifest: HeldFile
  let manifestSize: Int64
  /// By name; those that the `MANIFEST` does not list are dropped later.
  let held: [String: HeldFile]
  /// Oldest first.
  let logs: [CopiedLog]
  let options: SmallFile?
  let identity: SmallFile?
  /// When the logs were copied: every write acknowledged before is in the capture.
  let moment: Date
  let attempts: Int
}

/// Where the parts of one database lie, and how hard to try.
struct CapturePlan {
  /// The directory with `CURRENT`.
  var directory: String
  var logDirectory: String
  /// Every directory that may hold tables and blob files; the first is `directory`.
  var tableDirectories: [String]
  /// How long to go on trying for two equal looks.
  var patience: Duration = .seconds(60)
  /// Only tests change these: a capture without the second look must be caught by the oracle.
  var secondLook = true
  var pauseBeforeLogs: Duration = .zero
}

extension DatabaseCapture {
  /// Tries until two looks agree.
  /// - Throws: `snapshot.unstable` when they never do within `plan.patience`.
  static func take(_ plan: CapturePlan, scratch: Scratch, cancellation: Cancellation) throws -> DatabaseCapture {
    var held: [String: HeldFile] = [:]
    let deadline = ContinuousClock.now + plan.patience
    var attempts = 0
    while true {
      try cancellation.check()
      attempts += 1
      let attempt = CaptureAttempt(plan: plan, scratch: scratch)
      if let capture = try attempt.run(keeping: &held, attempts: attempts) { return capture }
      guard ContinuousClock.now < deadline || attempts < 8 else {
        throw GoudError(
          .snapshotUnstable,
          "\(plan.directory) changed its files faster than they could be listed, \(attempts) times in a row",
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
  let scratch: Scratch

  func run(keeping held: inout [String: DatabaseCapture.HeldFile], attempts: Int) throws -> DatabaseCapture? {
    // 1. The file list, up to its present size.
    guard let current = try small("CURRENT") else { throw noDatabase }
    let manifestName = try manifestName(in: current)
    guard let manifest = try hold(manifestName, in: plan.directory) else { return nil }
    let manifestSize = Int64(manifest.status.st_size)
    // 2. Everything it can name.
    try holdTables(&held)
    if plan.pauseBeforeLogs > .zero { Thread.sleep(forTimeInterval: plan.pauseBeforeLogs / .seconds(1)) }
    // 3. The logs, oldest first.
    let moment = Date()
    guard let logs = try copyLogs() else { return nil }
    // 4. Look again.
    if plan.secondLook {
      guard try same(current, manifest: manifest, size: manifestSize), try same(logs) else { return nil }
    }
    return DatabaseCapture(
      current: current, manifest: manifest, manifestSize: manifestSize, held: held, logs: logs,
      options: try newestOptions(), identity: try small("IDENTITY"), moment: moment, attempts: attempts)
  }

  // MARK: Holding

  private func holdTables(_ held: inout [String: DatabaseCapture.HeldFile]) throws {
    var seen: Set<String> = []
    for directory in plan.tableDirectories {
      let names = try FileSystem.names(in: directory).filter(\.isTableOrBlob)
      try DescriptorLimit.require(seen.count + names.count, for: plan.directory)
      for name in names {
        guard seen.insert(name).inserted else {
          throw GoudError(
            .snapshotUnsupported, "\(plan.directory) has two files named \(name) in its table directories",
            hint: "name each database's own directory as a volume")
        }
        if let old = held[name], let now = try FileSystem.status("\(directory)/\(name)"),
          now.identity == old.status.identity
        {
          continue
        }
        held[name] = try hold(name, in: directory)
      }
    }
    // What is gone by now was obsolete before the noted size of the MANIFEST, or the second look will tell.
    held = held.filter { seen.contains($0.key) }
  }

  private func hold(_ name: String, in directory: String) throws -> DatabaseCapture.HeldFile? {
    guard let file = try openIfThere("\(directory)/\(name)") else { return nil }
    return DatabaseCapture.HeldFile(name: name, file: file, status: try file.status())
  }

  private func copyLogs() throws -> [DatabaseCapture.CopiedLog]? {
    var logs: [DatabaseCapture.CopiedLog] = []
    for (number, name) in try logNames() {
      guard let source = try openIfThere("\(plan.logDirectory)/\(name)") else { return nil }
      let status = try source.status()
      let copy = try scratch.anonymousFile()
      let size = try source.copy(to: copy, count: Int64(status.st_size))
      logs.append(.init(number: number, name: name, source: source, status: status, copy: copy, size: size))
    }
    return logs
  }

  private func logNames() throws -> [(UInt64, String)] {
    try FileSystem.names(in: plan.logDirectory).compactMap { name in
      if case .log(let number) = DatabaseFileName(name) { (number, name) } else { nil }
    }.sorted { $0.0 < $1.0 }
  }

  private func newestOptions() throws -> DatabaseCapture.SmallFile? {
    let names = try FileSystem.names(in: plan.directory).compactMap { name -> (UInt64, String)? in
      if case .options(let number) = DatabaseFileName(name) { (number, name) } else { nil }
    }
    for (_, name) in names.sorted(by: { $0.0 > $1.0 }) {
      if let file = try small(name) { return file }
    }
    return nil
  }

  private func small(_ name: String) throws -> DatabaseCapture.SmallFile? {
    guard let file = try openIfThere("\(plan.directory)/\(name)") else { return nil }
    return .init(name: name, bytes: try file.readAll(), status: try file.status())
  }

  private func openIfThere(_ path: String) throws -> Descriptor? {
    do {
      return try Descriptor.open(path, O_RDONLY)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return nil
    }
  }

  // MARK: The second look

  private func same(_ current: DatabaseCapture.SmallFile, manifest: DatabaseCapture.HeldFile, size: Int64) throws
    -> Bool
  {
    guard try small("CURRENT")?.bytes == current.bytes,
      let named = try FileSystem.status("\(plan.directory)/\(manifest.name)")
    else { return false }
    return named.identity == manifest.status.identity && Int64(named.st_size) == size
  }

  /// Every copied log is still the same file under its name, and none but the newest has changed. A recycled log
  /// changes without growing, and time stamps are too coarse to show it, so the bytes are compared.
  private func same(_ logs: [DatabaseCapture.CopiedLog]) throws -> Bool {
    for (index, log) in logs.enumerated() {
      guard let named = try FileSystem.status("\(plan.logDirectory)/\(log.name)"),
        named.identity == log.status.identity, Int64(named.st_size) >= log.size
      else { return false }
      if index == logs.count - 1 { continue }
      guard Int64(named.st_size) == log.size, try log.source.holdsSame(as: log.copy, count: log.size) else {
        return false
      }
    }
    return true
  }

  // MARK: Names

  private func manifestName(in current: DatabaseCapture.SmallFile) throws -> String {
    let text = String(decoding: current.bytes, as: UTF8.self)
    if text.hasSuffix("\n"), case .manifest = DatabaseFileName(String(text.dropLast())) {
      return String(text.dropLast())
    }
    throw GoudError(
      .databaseCorrupt, "\(plan.directory)/CURRENT does not name a MANIFEST",
      hint: "the database is damaged, or encrypted by its application (an encrypted Env cannot be backed up)")
  }

  private var noDatabase: GoudError {
    GoudError(.volumeNoDatabase, "\(plan.directory) holds no RocksDB: CURRENT is missing")
  }
}

extension String {
  fileprivate var isTableOrBlob: Bool {
    switch DatabaseFileName(self) {
    case .table, .blob: true
    default: false
    }
  }
}
