/// The sequence numbers of a log's records, in their order.
struct LogSequence: Sendable, Equatable {
  /// The number of the first record's first write; nil without a record, and where records are compressed.
  private(set) var first: UInt64?
  /// The number that the record behind the last one begins with if every write was logged; nil like `first`.
  private(set) var next: UInt64?
  /// Whether two records that lie beside each other leave numbers out or use them twice: the database also writes
  /// without its log, ingests tables, or prepares transactions, and a gap says nothing.
  private(set) var skips = false
  /// How many records do not begin with the number that the one before left.
  private(set) var gaps = 0

  /// How many records are steps of two-phase transactions: what follows them has other numbers than their counts say.
  private(set) var steps = 0

  /// How much of a record's beginning is looked at.
  static let headSize = 13

  /// - Parameter head: the first bytes of a record: sequence number (8), number of writes (4), the first write's kind.
  mutating func note(_ head: UnsafeRawBufferPointer) {
    let sequence = UInt64(littleEndian: head.loadUnaligned(as: UInt64.self))
    let count = UInt64(head.word(8))
    if let next, next != sequence {
      skips = true
      gaps += 1
    }
    if head.count > 12, Self.isTransactional(head[12]) {
      skips = true
      if head[12] != Self.nothing { steps += 1 }
    }
    first = first ?? sequence
    next = sequence &+ count
  }

  /// The mark that any transaction's record begins with, also of one phase (`kTypeNoop`).
  private static let nothing: UInt8 = 0xd

  /// Marks of prepared, committed and rolled-back transactions (`db/dbformat.h`): they count otherwise.
  private static func isTransactional(_ mark: UInt8) -> Bool {
    switch mark {
    case 0x9, 0xa, 0xb, 0xc, 0xd, 0x12, 0x13, 0x15: true
    default: false
    }
  }
}
