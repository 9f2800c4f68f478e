import Foundation
import GoudCore
import Volumes

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
  public var archive: String?
  /// Why it is not good.
  public var code: String?
  public var message: String?
}

/// What the backups of an environment came to, in `$GOUD_HOME/<environment>/backup-runs.json`: for `volume check`, the
/// metrics and the alerts. A run that is killed is found to have failed as soon as somebody looks.
public struct BackupRecord: Sendable, Codable, Hashable {
  public var last: BackupRun
  public var lastGood: BackupRun?
  /// Days (UTC) since the last good run on which a run has failed.
  public var failedDays: [String] = []
  /// Of the run that is going on.
  var pid: Int32?

  /// - Parameter home: the environment's, `$GOUD_HOME/<environment>`.
  /// - Returns: nil when no backup has run yet.
  public static func read(home: String) -> BackupRecord? {
    guard let bytes = try? Descriptor.open(path(home), O_RDONLY).readAll(limit: 1 << 20) else { return nil }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard var record = try? decoder.decode(BackupRecord.self, from: Data(bytes)) else { return nil }
    if record.last.result == .running, let pid = record.pid, kill(pid, 0) != 0 && errno == ESRCH {
      record.end(.failed, code: "run.killed", message: "the backup was killed before it ended")
    }
    return record
  }

  private static func path(_ home: String) -> String { "\(home)/backup-runs.json" }

  fileprivate mutating func end(_ result: BackupRun.Result, code: String? = nil, message: String? = nil) {
    last.result = result
    (last.code, last.message) = (code, message)
    pid = nil
    if result == .good {
      lastGood = last
      failedDays = []
    } else {
      let day = String(last.began.ISO8601Format().prefix(10))
      if failedDays.last != day { failedDays.append(day) }
    }
  }

  /// Durable when it returns. An environment without a home yet has no record.
  fileprivate func write(_ home: String) throws {
    guard try FileSystem.status(home) != nil else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    try AtomicFile.write(Array(try encoder.encode(self)) + [10], to: Self.path(home))
  }
}

extension BackupRecord {
  /// Runs a backup and keeps the record of it, whatever becomes of it. A record that cannot be written fails no backup.
  /// - Parameter body: the backup; its archive, the size of that, and what is wrong with it.
  public static func keeping<Value>(
    home: String, now: Date = Date(),
    _ body: () throws -> (value: Value, archive: String, bytes: Int64, fault: String?)
  ) throws -> Value {
    let clock = ContinuousClock.now
    var record = read(home: home)
    let start = BackupRun(result: .running, began: now, seconds: 0)
    if record == nil { record = BackupRecord(last: start) }
    record?.last = start
    record?.pid = getpid()
    try? record?.write(home)
    func end(_ change: (inout BackupRecord) -> Void) {
      record?.last.seconds = (ContinuousClock.now - clock) / .seconds(1)
      if record != nil { change(&record!) }
      try? record?.write(home)
    }
    do {
      let (value, archive, bytes, fault) = try body()
      end {
        ($0.last.archive, $0.last.bytes) = (archive, bytes)
        $0.end(fault == nil ? .good : .incomplete, message: fault)
      }
      return value
    } catch {
      let known = error as? GoudError
      end { $0.end(.failed, code: known?.code.rawValue, message: known?.message ?? "\(error)") }
      throw error
    }
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
