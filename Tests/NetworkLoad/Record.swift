import Foundation
import GoudCore
import Synchronization

/// What was acknowledged, one line each: `<entry id> <API key> <block> <data>`. Written before anybody relies on it.
final class Record: Sendable {
  struct Acknowledged: Sendable, Hashable {
    let entry: String
    let key: String
    let block: UInt64
    /// What the data began with: it is unlike any other.
    let data: String
  }

  private let file: Mutex<FileHandle>

  init(appendingTo path: String) throws {
    let opened = try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND)
    file = Mutex(FileHandle(fileDescriptor: dup(opened.fd), closeOnDealloc: true))
  }

  func add(_ one: Acknowledged) {
    file.withLock { $0.write(Data("\(one.entry) \(one.key) \(one.block) \(one.data)\n".utf8)) }
  }

  /// A line that a kill has cut off is left out: its client was never told.
  static func read(_ path: String) throws -> [Acknowledged] {
    let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    return text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 4, let block = UInt64(words[2]) else { return nil }
      return Acknowledged(entry: words[0], key: words[1], block: block, data: words[3])
    }
  }
}

/// What became of the requests, and how long the acknowledged ones took.
final class Tally: Sendable {
  private struct Content {
    var milliseconds: [Double] = []
    var refused = 0
    var unknown = 0
    var broken = 0
    var failed = 0
    var longestGap = 0.0
    var last: ContinuousClock.Instant?
    var example: String?
  }

  enum Outcome {
    /// After so many milliseconds.
    case acknowledged(Double)
    /// Not taken in, with a reason, and worth another attempt.
    case refused
    /// Taken in; nobody knows yet what became of it.
    case unknown
    /// No connection, or it broke.
    case broken
    /// Anything else: no correct network answers so.
    case failed(String)
  }

  private let content = Mutex(Content())

  func add(_ outcome: Outcome) {
    content.withLock {
      switch outcome {
      case .acknowledged(let time):
        $0.milliseconds.append(time)
        let now = ContinuousClock.now
        if let last = $0.last { $0.longestGap = max($0.longestGap, (now - last) / .seconds(1)) }
        $0.last = now
      case .refused: $0.refused += 1
      case .unknown: $0.unknown += 1
      case .broken: $0.broken += 1
      case .failed(let text):
        $0.failed += 1
        $0.example = $0.example ?? text
      }
    }
  }

  /// One line of JSON.
  func report(seconds: Double) -> String {
    content.withLock { content in
      let sorted = content.milliseconds.sorted()
      func percentile(_ part: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
      }
      let fields: [String: Any] = [
        "acknowledged": sorted.count, "per_second": (Double(sorted.count) / seconds).rounded(),
        "p50_ms": percentile(0.5), "p99_ms": percentile(0.99), "max_ms": sorted.last ?? 0, "refused": content.refused,
        "unknown": content.unknown, "broken": content.broken, "failed": content.failed,
        "longest_gap_s": content.longestGap, "example": content.example ?? "",
      ]
      let data = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys])
      return String(decoding: data ?? Data(), as: UTF8.self)
    }
  }
}
