import Foundation
import GoudCore
import RocksDB

/// A log of a capture, and what was found in it.
struct CapturedLog: Sendable {
  enum Finding: Sendable, Equatable {
    /// It ends with its last whole record: what lay behind was a torn end, zeros, or left from an earlier use.
    case sound
    /// Pieces of this log lie behind a place that recovery would take for its end.
    case damaged
    /// Its end is torn, and the log with records behind it does not go on where it ends.
    case broken(follower: String)
  }

  let number: UInt64
  let name: String
  let path: String
  let status: stat
  let copy: Descriptor
  let scan: LogScan
  let finding: Finding
  /// How much of the copy is stored: up to the last whole record, so that every recovery mode opens it; of a log that
  /// is not sound everything, as it is.
  let size: Int64
  /// Whole records in that part.
  let records: Int
}

extension CapturedLog {
  /// Judges the logs of one capture, oldest first, and cuts the copies to what is stored of them.
  ///
  /// RocksDB's own rule for a torn end in front of another log is kept: the node came back after a crash, left the log
  /// as it was, and went on with the next sequence number in a new one. What lies behind the torn place then, even
  /// whole, is no part of the database, and its sequence numbers were used again.
  static func judge(_ copies: [LogCopy], _ scratch: Scratch) throws -> [CapturedLog] {
    let skips = copies.contains { $0.scan.sequence.skips }
    var expected: UInt64?
    return try copies.enumerated().map { index, copy in
      if copy.scan.recordsBeforeFault > 0 { expected = copy.scan.sequence.next }
      let follower = copies[(index + 1)...].first { $0.scan.records > 0 }
      let continues = expected != nil && follower?.scan.sequence.first == expected
      let finding = finding(copy.scan, follower: follower, continues: continues, skips: skips)
      return try CapturedLog(copy, finding, continues: continues, scratch)
    }
  }

  private static func finding(_ scan: LogScan, follower: LogCopy?, continues: Bool, skips: Bool) -> Finding {
    guard let fault = scan.fault, !continues else { return .sound }
    if fault.piecesBehind > 0 { return .damaged }
    guard let follower else { return .sound }
    // Zeros and what a recycled log held before are a healthy end, and may hide a damaged one; without sequence numbers
    // to go by there is nothing to tell.
    if fault.kind != .torn && (skips || scan.sequence.next == nil) { return .sound }
    return .broken(follower: follower.source.path)
  }

  private init(_ copy: LogCopy, _ finding: Finding, continues: Bool, _ scratch: Scratch) throws {
    (number, name, path, status) = (copy.number, copy.name, copy.source.path, copy.status)
    (scan, self.finding) = (copy.scan, finding)
    switch finding {
    case .sound:
      size = continues ? scan.fault?.soundEnd ?? scan.end : scan.end
      records = continues ? scan.recordsBeforeFault : scan.records
    case .damaged, .broken:
      size = copy.size
      records = scan.records
    }
    self.copy = try copy.beginning(size, scratch)
  }
}

extension CapturedLog {
  /// What RocksDB is shown of it: nothing but whole records. Of a damaged log that is what lies before the first fault, where
  /// recovery would end anyway: a piece of a kind that has no place there keeps the reader of RocksDB 9.10 going round
  /// for ever (facebook/rocksdb#11968 is of that kind).
  func readable(_ scratch: Scratch) throws -> Descriptor {
    guard finding != .sound, let end = scan.fault?.soundEnd else { return copy }
    let prefix = try scratch.anonymousFile()
    guard try copy.copy(from: 0, to: end, into: prefix) == end else {
      throw GoudError(.volumeFileChanged, "\(copy.path) shrank while it was read")
    }
    return prefix
  }
}

extension [CapturedLog] {
  /// What recovery would lose of these logs without a word; nil when it is nothing. Logs whose writes are all in tables
  /// do not count.
  func fault(in view: DatabaseView) -> GoudError? {
    let live = filter { $0.number >= view.oldestLiveLog }
    for (index, log) in live.enumerated() {
      switch log.finding {
      case .damaged: return LogFault.damaged(log.path, log.scan)
      case .broken(let follower): return LogFault.unread(follower, after: log.path)
      case .sound: break
      }
      if log.records > 0 && !view.logsRead.contains(log.number) {
        return LogFault.unread(log.path, after: index > 0 ? live[index - 1].path : nil)
      }
    }
    let whole = filter { view.logsRead.contains($0.number) }.reduce(0) { $0 + $1.records }
    return view.logRecords == whole ? nil : LogFault.unreadRecords(last?.path ?? "", whole, view.logRecords)
  }
}
