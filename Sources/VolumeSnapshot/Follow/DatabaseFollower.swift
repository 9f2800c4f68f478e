public import Foundation
public import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Follows the logs of one database from a snapshot on: what was written since, byte for byte. Takes no lock, and writes
/// nothing.
///
/// The snapshot and all that is added to the logs after it are the present state: RocksDB replays logs that are newer than
/// its `MANIFEST` knows, whether they have been flushed since or not. So tables that live shorter than the time between
/// two snapshots never matter.
public struct DatabaseFollower: Sendable {
  /// Whole records that were added to one log.
  public struct Growth: Sendable {
    /// The log, relative to the volume.
    public let path: String
    /// Where in the log they begin.
    public let offset: Int64
    public let bytes: [UInt8]

    package init(path: String, offset: Int64, bytes: [UInt8]) {
      (self.path, self.offset, self.bytes) = (path, offset, bytes)
    }
  }

  public enum Look: Sendable {
    /// All that was added since the last look; empty when nothing was. `newest` is the sequence number of the last write.
    case grown([Growth], newest: UInt64)
    /// The logs do not tell all: only a new snapshot does. `why` follows "because".
    case lost(why: String)
  }

  private struct Followed {
    var scan: LogScan
    /// Up to here it was handed over, or is in the snapshot.
    var taken: Int64
    /// Whether it is read no more: its name is gone, and what there was is read.
    var isClosed = false
  }

  private let base: FollowBase
  private var held: HeldLogs
  private var manifest: ManifestFollower?
  private var rules: FollowRules
  private var logs: [UInt64: Followed] = [:]
  private var loss: String?

  /// - Parameter held: logs that were held open while the snapshot was stored.
  public init(_ base: FollowBase, adopting held: HeldLogs? = nil) throws {
    self.base = base
    self.held = held ?? HeldLogs(base.location, base.layout)
    manifest = try ManifestFollower(base)
    rules = FollowRules(after: base.sequence)
    if let oldest = base.logs.keys.min() { self.held.drop(below: oldest) }
    if manifest == nil { loss = Self.reopened }
  }

  public var location: DatabaseLocation { base.location }
  /// Of the newest write that was handed over, or is in the snapshot.
  public var newest: UInt64 { rules.newest }
  /// For the follower that comes after the next snapshot.
  public var heldLogs: HeldLogs { held }

  private static let reopened = "its MANIFEST is another, as when a database is opened or restored"
  /// Looks at one time; a database that flushes faster than that has a short log at least.
  private static let looks = 16

  /// - Parameter limit: more than so many new bytes count as lost: a snapshot costs less.
  /// - Returns: and the moment from which every write that was acknowledged before is in what was handed over.
  public mutating func look(limit: Int = 64 << 20, _ cancellation: Cancellation) throws -> (look: Look, moment: Date) {
    var moment = Date()
    var changes = FollowRules.Changes()
    // Of each log what was read behind `taken`.
    var bytes: [UInt64: [UInt8]] = [:]
    if let loss { return (.lost(why: loss), moment) }
    for attempt in 0... {
      try cancellation.check()
      moment = Date()
      guard let added = try manifest?.read() else { return (lose(Self.reopened), moment) }
      changes.merge(added)
      try held.refresh()
      for number in held.logs.keys.sorted() where number >= (base.logs.keys.min() ?? 0) {
        if let fault = try extend(number, &bytes, limit, cancellation) { return (lose(fault), moment) }
      }
      // A log may have come and gone between the two: then a flush is noted by now.
      if try manifest?.hasGrown() == false { break }
      guard attempt < Self.looks else { return (lose("it flushes faster than it can be looked at"), moment) }
    }
    return (settle(changes, bytes), moment)
  }

  private mutating func lose(_ why: String) -> Look {
    loss = why
    return .lost(why: why)
  }

  /// Reads what was added to one log.
  /// - Returns: why that cannot be relied on; nil: it can.
  private mutating func extend(
    _ number: UInt64, _ bytes: inout [UInt64: [UInt8]], _ limit: Int, _ cancellation: Cancellation
  ) throws -> String? {
    guard let log = held.logs[number] else { return nil }
    var known = logs[number] ?? Followed(scan: LogScan(number: number), taken: base.logs[number] ?? 0)
    guard !known.isClosed else { return nil }
    switch try read(log, after: known, bytes[number] ?? [], limit, cancellation) {
    case .added(let scan, let added):
      known.scan = scan
      known.isClosed = !log.isNamed
      bytes[number] = added
    case .tooMuch: return "more than \(ByteCount(limit)) were added to its logs"
    case .unreadable(let why):
      // A file is renamed before it is used again. What it had that was not seen, the sequence numbers tell.
      try held.refresh()
      guard held.logs[number]?.isNamed == false else { return "its log \(log.name) \(why)" }
      known.isClosed = true
    }
    logs[number] = known
    return nil
  }

  private enum Reading {
    case added(LogScan, [UInt8])
    case tooMuch
    case unreadable(why: String)
  }

  /// - Parameter bytes: what was read behind `known.taken` by earlier attempts of this look.
  private func read(
    _ held: HeldLogs.Held, after known: Followed, _ bytes: [UInt8], _ limit: Int, _ cancellation: Cancellation
  ) throws -> Reading {
    var scan = known.scan
    let start = scan.goBack()
    let size = Int64(try held.file.status().st_size)
    var offset = start
    var added = Array(bytes.prefix(Int(max(0, start - known.taken))))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    while offset < size {
      try cancellation.check()
      let want = Int(min(size - offset, Int64(buffer.count)))
      let count = try held.file.read(into: .init(rebasing: buffer[..<want]), at: offset)
      guard count == want else { return .unreadable(why: "shrank") }
      let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      scan.read(piece)
      let from = max(known.taken, offset)
      if from < offset + Int64(count) { added += piece[Int(from - offset)...] }
      if added.count > limit { return .tooMuch }
      offset += Int64(count)
    }
    scan.finish()
    guard scan.end >= known.scan.end else { return .unreadable(why: "was used again") }
    if let fault = scan.fault, fault.piecesBehind > 0 { return .unreadable(why: "is damaged") }
    return .added(scan, added)
  }

  private mutating func settle(_ changes: FollowRules.Changes, _ bytes: [UInt64: [UInt8]]) -> Look {
    var growths: [FollowRules.Growth] = []
    var found: [Growth] = []
    for (number, bytes) in bytes.sorted(by: { $0.key < $1.key }) {
      guard let log = logs[number], let held = held.logs[number], log.scan.end > log.taken else { continue }
      let scan = log.scan
      growths.append(
        .init(
          number: number, goesOn: log.taken > 0, first: scan.sequence.first, next: scan.sequence.next,
          hasGap: (scan.gapEnd ?? 0) > log.taken))
      let path = self.held.directory == "." ? held.name : "\(self.held.directory)/\(held.name)"
      let count = Int(scan.end - log.taken)
      found.append(Growth(path: path, offset: log.taken, bytes: Array(bytes.prefix(count))))
    }
    if let lost = rules.take(changes, growths) { return lose(lost.description) }
    for (number, log) in logs { logs[number]?.taken = max(log.taken, log.scan.end) }
    return .grown(found, newest: rules.newest)
  }
}

extension FollowRules.Changes {
  fileprivate mutating func merge(_ later: Self) {
    lastSequence = max(lastSequence, later.lastSequence)
    familiesChanged = familiesChanged || later.familiesChanged
    ingested = ingested || later.ingested
    dropped = dropped || later.dropped
  }
}
