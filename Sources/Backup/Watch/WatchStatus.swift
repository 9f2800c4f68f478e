import Archive
import BlobStore
public import Foundation
import GoudCore
import Layout
public import Volumes

/// What a watch says of itself, at each tick, in `watch.json` of the environment's home; for `goud volume check`, status and
/// metrics.
public struct WatchStatus: Codable, Sendable, Equatable {
  /// A commit, as far as one volume goes.
  public struct Backup: Codable, Sendable, Equatable {
    /// Its id.
    public var commit: String
    public var taken: Date
    /// What could not be proven; empty for a proven one.
    public var unproven: [String] = []
  }

  public var repository: String
  public var process: Int32
  public var volumes: [String]
  public var started: Date
  /// When this was written: older than some ticks, the watch stands still.
  public var noted: Date
  /// Every write that was acknowledged before is in the repository; nil before the first commit.
  public var safe: Date?
  /// The newest commit.
  public var commit: String?
  public var committed: Date?
  /// Of each volume the newest commit that holds it, also those of a watch before this one.
  public var backups: [String: Backup] = [:]
  /// When the newest commit was taken that holds every volume of the environment, proven.
  public var whole: Date?
  /// Bytes and writes that were seen and are not in the repository.
  public var bytesAtRisk: Int64 = 0
  public var writesAtRisk: UInt64 = 0
  /// Blocks of a chain that were seen and are not in the repository with any volume of it; of several chains, together.
  /// nil: no volume holds one, or its height is not known now.
  public var blocksAtRisk: UInt64?
  /// Pieces of the tail since the newest commit, and what was done altogether.
  public var pieces = 0
  public var commits = 0
  public var ticks = 0
  public var storedBytes: Int64 = 0
  /// By kind: list, get, put, delete, stat.
  public var requests: [String: Int] = [:]
  /// What went wrong last, and was not mended since.
  public var fault: String?
  /// Why the newest commit was made.
  public var why: String?
  /// When it was asked to stop; nil: it goes on, or was killed.
  public var ended: Date?

  /// Seconds of writes that would be lost if everything but the repository were lost now; nil before the first commit. A
  /// moment that is later than now was told by a clock that was ahead: by how much counts as at risk.
  public func secondsAtRisk(now: Date) -> Double? {
    safe.map { $0.isAhead(of: now) ? $0.timeIntervalSince(now) : max(0, now.timeIntervalSince($0)) }
  }

  /// Seconds at risk from which on it is to be looked at, and from which on it is bad. A commit in place of a tail, where
  /// the logs did not tell all, is through sooner.
  static let warningSeconds = 30.0
  static let criticalSeconds = 600.0

  /// For `volume check`.
  /// - Returns: nil where nothing is to be followed any more.
  public func finding(now: Date) -> Finding? {
    guard ended == nil else { return nil }
    let hint = "see that goud backup watch runs and reaches the repository"
    guard let seconds = secondsAtRisk(now: now) else {
      let waits = now.timeIntervalSince(started) > Self.criticalSeconds
      return Finding(
        "", .dataAtRisk, waits ? .warning : .ok, "nothing is in \(repository) yet" + (fault.map { ": \($0)" } ?? ""),
        hint: waits ? hint : nil)
    }
    let level: Finding.Level =
      seconds > Self.criticalSeconds ? .critical : seconds > Self.warningSeconds ? .warning : .ok
    return Finding(
      "", .dataAtRisk, level, risk(seconds, now) + (fault.map { ": \($0)" } ?? ""), hint: level == .ok ? nil : hint)
  }

  private func risk(_ seconds: Double, _ now: Date) -> String {
    let parts =
      [String(format: "%.1f s", seconds), "\(ByteCount(bytesAtRisk))", "\(writesAtRisk) writes"]
      + [blocksAtRisk.map { "\($0) block\($0 == 1 ? "" : "s")" }].compactMap { $0 }
    let still =
      noted.isAhead(of: now)
      ? "; the clock was ahead when the watch said so"
      : now.timeIntervalSince(noted) > Self.warningSeconds ? "; the watch stands still" : ""
    return "at risk: \(parts.joined(separator: ", "))\(still)"
  }

  /// - Returns: nil where no watch was ever run.
  /// - Throws: `io.…`; what cannot be read as one of these is as if it were not there.
  public static func read(home: String) throws -> WatchStatus? {
    let path = NetworkHome(home).watchStatus
    guard try FileSystem.status(path) != nil else { return nil }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .millisecondsSince1970
    return try? decoder.decode(WatchStatus.self, from: Data(contentsOf: URL(filePath: path)))
  }

  /// A commit was made.
  /// - Parameter isWhole: whether it was to hold all volumes of the environment.
  mutating func note(_ commit: CommitResult, isWhole: Bool) {
    let made = commit.metadata
    for volume in made.volumes {
      backups[volume.name] = Backup(commit: commit.id, taken: made.timestamp, unproven: volume.unproven)
    }
    let isGood = made.leftOut?.isEmpty != false && made.volumes.allSatisfy(\.unproven.isEmpty)
    if isWhole && isGood { whole = made.timestamp }
  }

  func write(home: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .millisecondsSince1970
    try AtomicFile.write(Array(encoder.encode(self)), to: NetworkHome(home).watchStatus)
  }
}

extension RequestCounts {
  /// For a report.
  var byKind: [String: Int] {
    Dictionary(uniqueKeysWithValues: RequestKind.allCases.map { ($0.rawValue, self[$0]) })
  }
}
