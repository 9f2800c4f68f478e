import BlobStore
public import Foundation
import GoudCore

/// What a watch says of itself, at each tick, in `watch.json` of the environment's home; for `goud volume check`, status and
/// metrics.
public struct WatchStatus: Codable, Sendable, Equatable {
  public static let fileName = "watch.json"

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
  /// Bytes and writes that were seen and are not in the repository.
  public var bytesAtRisk: Int64 = 0
  public var writesAtRisk: UInt64 = 0
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

  /// Seconds of writes that would be lost if everything but the repository were lost now.
  public func secondsAtRisk(now: Date) -> Double? { safe.map { max(0, now.timeIntervalSince($0)) } }

  /// - Returns: nil where no watch was ever run.
  /// - Throws: `io.…`; what cannot be read as one of these is as if it were not there.
  public static func read(home: String) throws -> WatchStatus? {
    let path = "\(home)/\(fileName)"
    guard try FileSystem.status(path) != nil else { return nil }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .millisecondsSince1970
    return try? decoder.decode(WatchStatus.self, from: Data(contentsOf: URL(filePath: path)))
  }

  func write(home: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .millisecondsSince1970
    try AtomicFile.write(Array(encoder.encode(self)), to: "\(home)/\(Self.fileName)", replacing: true)
  }
}

extension RequestCounts {
  /// For a report.
  var byKind: [String: Int] {
    Dictionary(uniqueKeysWithValues: RequestKind.allCases.map { ($0.rawValue, self[$0]) })
  }
}
