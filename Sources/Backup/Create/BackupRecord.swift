public import Foundation
import GoudCore
import Layout
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// One run of `goud backup create` for all volumes of an environment.
public struct BackupRun: Sendable, Codable, Hashable {
  public enum Result: String, Sendable, Codable {
    case running
    /// Every volume is in the archive, proven and read back.
    case good
    /// There is an archive, but something is wrong: a volume was left out, or could not be proven.
    case incomplete
    case failed
  }

  public var result: Result
  public var began: Date
  public var seconds: Double
  /// Bytes of the archive; nil when there is none.
  public var bytes: Int64?
  /// Its path; of a backup in a repository, the repository and the backup's id.
  public var archive: String?
  /// The volumes in it, of a backup in a repository: an archive says so itself.
  public var volumes: [String]?
  /// Why it is not good.
  public var code: String?
  public var message: String?
}

/// What the backups of an environment came to, in `$GOUD_HOME/<environment>/backup-runs.json`: for `volume check`, the
/// metrics and the alerts.
///
/// The file holds what has ended. A run that goes on is a file of its own beside it (`.goud-run-…`), which is locked while
/// it does: a run that is killed is found to have failed as soon as somebody looks, and two at once keep both results.
public struct BackupRecord: Sendable, Codable, Hashable {
  public var last: BackupRun
  public var lastGood: BackupRun?
  /// Days (UTC) since the last good run on which a run has failed.
  public var failedDays: [String] = []

  /// - Parameter home: the environment's, `$GOUD_HOME/<environment>`.
  /// - Returns: nil when no backup has run yet.
  public static func read(home: String) -> BackupRecord? {
    guard let runs = try? RunningBackups(home) else { return nil }
    var record = stored(home)
    for run in runs.killed where !run.isRecorded(in: record) { fold(run, into: &record) }
    if let going = runs.going.last, going.began >= record?.last.began ?? .distantPast {
      if record == nil { record = BackupRecord(last: going) }
      record?.last = going
    }
    return record
  }

  private static func path(_ home: String) -> String { NetworkHome(home).backupRuns }

  /// A run that an earlier version noted as going on was killed, or is overwritten when it ends.
  private static func stored(_ home: String) -> BackupRecord? {
    guard let bytes = try? Descriptor.open(path(home), O_RDONLY).readAll(limit: 1 << 20),
      var record = try? BackupRun.decoder.decode(BackupRecord.self, from: Data(bytes))
    else { return nil }
    if record.last.result == .running {
      let run = record.last.killed
      fold(run, into: &record)
    }
    return record
  }

  private static func fold(_ run: BackupRun, into record: inout BackupRecord?) {
    if record == nil { record = BackupRecord(last: run) }
    fold(run, into: &record!)
  }

  /// Runs may overlap: the last is the one that began last.
  private static func fold(_ run: BackupRun, into record: inout BackupRecord) {
    if run.began >= record.last.began { record.last = run }
    if run.result == .good {
      if run.began >= record.lastGood?.began ?? .distantPast { record.lastGood = run }
      record.failedDays.removeAll { $0 <= run.day }
    } else if run.began >= record.lastGood?.began ?? .distantPast, !record.failedDays.contains(run.day) {
      record.failedDays.append(run.day)
    }
  }

  /// Adds a run that has ended, and those that were killed, whatever other runs do meanwhile. Durable when it returns.
  fileprivate static func add(_ run: BackupRun, _ home: String) throws {
    let lock = try Descriptor.open(NetworkHome(home).backupRunsLock, O_RDWR | O_CREAT | O_NOFOLLOW)
    try lock.waitForLock()
    let directory = try Descriptor.open(home, O_RDONLY | O_DIRECTORY)
    lock.belong(toOwnerOf: directory)
    let runs = try RunningBackups(home)
    var record = stored(home)
    for killed in runs.killed where !killed.isRecorded(in: record) { fold(killed, into: &record) }
    fold(run, into: &record)
    let file = try AtomicFile(path: path(home))
    try file.file.write(try BackupRun.encode(record))
    file.file.belong(toOwnerOf: directory)
    try file.publish()
    try Leftovers(in: home).remove(runs.killedNames)
  }
}

extension BackupRecord {
  /// Runs a backup and keeps the record of it, whatever becomes of it. A record that cannot be written fails no backup; an
  /// environment without a home yet has none.
  /// - Parameter body: the backup; its archive, the size of that, and what is wrong with it; the volumes in it, where no
  ///   archive says so.
  public static func keeping<Value>(
    home: String, now: Date = Date(),
    _ body: () throws -> (value: Value, archive: String, bytes: Int64, fault: String?, volumes: [String]?)
  ) throws -> Value {
    let clock = ContinuousClock.now
    var run = BackupRun(result: .running, began: now, seconds: 0)
    let going = try? RunningBackups.begin(run, home)
    defer { going?.remove() }
    func end(_ result: BackupRun.Result, code: String? = nil, message: String? = nil) {
      run.result = result
      (run.code, run.message) = (code, message)
      run.seconds = (ContinuousClock.now - clock) / .seconds(1)
      try? add(run, home)
    }
    do {
      let (value, archive, bytes, fault, volumes) = try body()
      (run.archive, run.bytes, run.volumes) = (archive, bytes, volumes)
      end(fault == nil ? .good : .incomplete, message: fault)
      return value
    } catch {
      let known = error as? GoudError
      end(.failed, code: known?.code.rawValue, message: known?.message ?? "\(error)")
      throw error
    }
  }
}

/// The runs beside a record that have not ended as they should: they go on, or were killed.
private struct RunningBackups {
  /// Oldest first.
  private(set) var going: [BackupRun] = []
  private(set) var killed: [BackupRun] = []
  private(set) var killedNames: [TemporaryName] = []

  init(_ home: String) throws {
    let directory = try Descriptor.open(home, O_RDONLY | O_DIRECTORY)
    let names = try FileSystem.knownNames(in: directory).compactMap { TemporaryName($0) }.filter { $0.kind == .run }
    guard !names.isEmpty else { return }
    let left = Set(try Leftovers(in: directory).list())
    for name in names {
      let isKilled = left.contains(name)
      if isKilled { killedNames.append(name) }
      // Gone meanwhile, or not written to its end.
      guard let file = try? Descriptor.open(name.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, in: directory),
        let bytes = try? file.readAll(limit: 1 << 16),
        let run = try? BackupRun.decoder.decode(BackupRun.self, from: Data(bytes))
      else { continue }
      if isKilled { killed.append(run.killed) } else { going.append(run) }
    }
    going.sort { $0.began < $1.began }
    killed.sort { $0.began < $1.began }
  }

  static func begin(_ run: BackupRun, _ home: String) throws -> Temporary? {
    guard try FileSystem.status(home) != nil else { return nil }
    let directory = try Descriptor.open(home, O_RDONLY | O_DIRECTORY)
    let file = try Temporary.create(.run, in: directory)
    file.content.belong(toOwnerOf: directory)
    try file.content.write(try BackupRun.encode(run))
    try file.content.synchronize()
    try directory.synchronize()
    return file
  }
}

extension Descriptor {
  /// What root writes in the home of somebody else: his manager reads it. Where that cannot be, it stays root's.
  fileprivate func belong(toOwnerOf directory: Descriptor) {
    guard geteuid() == 0, let owner = try? directory.status(), owner.st_uid != 0 else { return }
    _ = fchown(fd, owner.st_uid, owner.st_gid)
  }
}

extension BackupRun {
  fileprivate var day: String { String(began.ISO8601Format().prefix(10)) }

  /// It was killed when its result was noted already.
  fileprivate func isRecorded(in record: BackupRecord?) -> Bool {
    record.map { [$0.last.began, $0.lastGood?.began].contains(began) } ?? false
  }

  fileprivate var killed: BackupRun {
    var run = self
    (run.result, run.code, run.message) = (.failed, "run.killed", "the backup was killed before it ended")
    return run
  }

  fileprivate static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return decoder
  }

  fileprivate static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return Array(try encoder.encode(value)) + [10]
  }
}

extension BackupRecord {
  /// For `volume check`: a failure warns, failures on two days are critical.
  public var finding: Finding {
    let when = last.began.ISO8601Format()
    let why = [last.code, last.message].compactMap { $0 }.joined(separator: ": ")
    let since = lastGood.map { "; the last good one began \($0.began.ISO8601Format())" } ?? "; none has been good yet"
    switch last.result {
    case .good:
      return Finding("", .backupRuns, .ok, "the last backup began \(when) and took \(Int(last.seconds.rounded())) s")
    case .running:
      return Finding("", .backupRuns, .ok, "a backup is running since \(when)")
    case .failed, .incomplete:
      let days = failedDays.count
      return Finding(
        "", .backupRuns, days > 1 ? .critical : .warning,
        "the backup of \(when) \(last.result == .failed ? "failed" : "is incomplete") (\(why))"
          + (days > 1 ? ", on \(days) days" : "") + since, hint: "run it by hand: goud backup create")
    }
  }
}
