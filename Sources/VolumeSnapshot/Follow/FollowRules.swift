/// Whether what was seen of a database's logs and of its `MANIFEST` is all that was written to it since a snapshot. Pure:
/// no I/O.
///
/// Sequence numbers prove it: RocksDB numbers every write, and each record of its logs says which numbers it has. A number
/// that no record has belongs to a write that went by another way: without a log, in an ingested table, in a log that came
/// and went between two looks. What such a write was cannot be known from the logs, so nothing is guessed: the snapshot
/// must be taken again.
struct FollowRules: Equatable {
  /// What the records are that were added to the `MANIFEST`.
  struct Changes: Equatable {
    /// The highest that they name.
    var lastSequence: UInt64 = 0
    var familiesChanged = false
    /// Tables that came from elsewhere: neither of a flush nor of a compaction.
    var ingested = false
    /// Tables that went, and nothing came of them.
    var dropped = false

    /// Takes in one record.
    mutating func note(_ edit: ManifestEdit) {
      lastSequence = max(lastSequence, edit.lastSequence ?? 0)
      if edit.added != nil || edit.isDropped { familiesChanged = true }
      if !edit.tables.isEmpty, edit.deleted.isEmpty, edit.logNumber == nil { ingested = true }
      if edit.tables.isEmpty, !edit.deleted.isEmpty { dropped = true }
    }
  }

  /// A log that has grown by whole records.
  struct Growth: Equatable {
    let number: UInt64
    /// Whether there are records before these in the log, which these go on from.
    var goesOn: Bool
    /// The number of the first of these records, and the one that follows the last; nil when they cannot be seen.
    var first: UInt64?
    var next: UInt64?
    /// Whether one of them does not begin where the one before it ended, or is a step of a two-phase transaction.
    var hasGap: Bool
  }

  /// Why the logs do not tell all.
  enum Loss: Equatable, CustomStringConvertible {
    case families, ingested, dropped, compressed
    case gap(log: UInt64)
    case unlogged(upTo: UInt64, seen: UInt64)

    var description: String {
      switch self {
      case .families: "column families came or went"
      case .ingested: "tables were ingested"
      case .dropped: "tables were dropped"
      case .compressed: "its logs are compressed, and their sequence numbers cannot be seen"
      case .gap(let log): "sequence numbers are missing before or in log \(log)"
      case .unlogged(let upTo, let seen): "writes up to \(upTo) are in tables, and logs were seen up to \(seen)"
      }
    }
  }

  /// What the next record begins with.
  private(set) var expected: UInt64

  /// - Parameter sequence: of the newest write in the snapshot.
  init(after sequence: UInt64) { expected = sequence + 1 }

  /// Of the newest write that was seen.
  var newest: UInt64 { expected - 1 }

  /// - Parameters:
  ///   - changes: of the `MANIFEST`; read before the logs.
  ///   - logs: by number.
  /// - Returns: nil when nothing is lost. After a loss, nothing more is to be taken in.
  mutating func take(_ changes: Changes, _ logs: [Growth]) -> Loss? {
    if changes.familiesChanged { return .families }
    if changes.ingested { return .ingested }
    if changes.dropped { return .dropped }
    for log in logs {
      guard let first = log.first, let next = log.next else { return .compressed }
      if log.hasGap || (!log.goesOn && first != expected) { return .gap(log: log.number) }
      expected = next
    }
    guard changes.lastSequence < expected else { return .unlogged(upTo: changes.lastSequence, seen: newest) }
    return nil
  }
}
