/// One record of a `MANIFEST` (RocksDB: `db/version_edit.cc`), as far as it says how column families are opened.
///
/// Fields follow each other without a frame, so each kind must be known to find the next one. Reading ends at one that is
/// not; RocksDB opens with what was read, and refuses what does not fit.
struct ManifestEdit {
  struct Table {
    let number: UInt64
    /// The number of its directory among those of its column family.
    let directory: UInt64
    let level: Int
    /// Without the eight bytes of sequence number and type behind it.
    let smallest: ArraySlice<UInt8>
    let largest: ArraySlice<UInt8>
    /// Where the keys lie in the record, with their lengths before them and those eight bytes.
    fileprivate(set) var places: [Range<Int>] = []
  }

  private(set) var family: UInt32 = 0
  private(set) var order: String?
  private(set) var orderPlace: Range<Int>?
  private(set) var added: [UInt8]?
  private(set) var isDropped = false
  private(set) var keepsTimestamps: Bool?
  private(set) var tables: [Table] = []
  private(set) var deleted: [UInt64] = []
  /// Set by a flush: the logs before this one are no longer needed for the family.
  private(set) var logNumber: UInt64?
  /// Of the newest write when the record was made.
  private(set) var lastSequence: UInt64?
  private var rest: ManifestCursor

  init(_ record: [UInt8]) {
    rest = ManifestCursor(record)
    while !rest.isEmpty {
      guard let tag = rest.number(), field(tag) else { return }
    }
  }

  /// Reads the field after `tag`.
  private mutating func field(_ tag: UInt64) -> Bool {
    switch tag {
    case 1: return readOrder()
    case 2:
      logNumber = rest.number()
      return logNumber != nil
    case 4:
      lastSequence = rest.number()
      return lastSequence != nil
    case 3, 9, 10, 203, 300, 8197: return rest.number() != nil
    case 5: return rest.number() != nil && rest.bytes() != nil
    case 6: return readDeleted()
    case 7, 100, 102, 103: return readTable(tag)
    case 200: return rest.number().map { family = UInt32(truncatingIfNeeded: $0) } != nil
    case 201: return rest.bytes().map { added = Array($0) } != nil
    case 202: isDropped = true
    case 400, 8194: return skip(numbers: 3, texts: 2)
    case 401, 8195: return skip(numbers: 3, texts: 0)
    case 8196: return skipLog()
    case 8201: return rest.bytes().map { keepsTimestamps = $0.first != 0 } != nil
    // What later versions add: a length, and as many bytes.
    default: return tag & 8192 != 0 && rest.bytes() != nil
    }
    return true
  }

  private mutating func readOrder() -> Bool {
    let start = rest.offset
    guard let name = rest.bytes() else { return false }
    order = String(decoding: name, as: UTF8.self)
    orderPlace = start..<rest.offset
    return true
  }

  private mutating func readDeleted() -> Bool {
    guard rest.number() != nil, let number = rest.number() else { return false }
    deleted.append(number)
    return true
  }

  private mutating func readTable(_ tag: UInt64) -> Bool {
    guard let level = rest.number(), let number = rest.number(), var directory = tag == 102 ? rest.number() : 0,
      rest.number() != nil
    else { return false }
    var places: [Range<Int>] = []
    var keys: [ArraySlice<UInt8>] = []
    for _ in 0..<2 {
      let start = rest.offset
      guard let key = rest.bytes(), key.count >= 8 else { return false }
      keys.append(key.dropLast(8))
      places.append(start..<rest.offset)
    }
    if tag != 7 { guard rest.number() != nil, rest.number() != nil else { return false } }
    // 65: the directory's number, in one byte.
    if tag == 103 {
      guard skipCustom(end: 1, { if $0 == 65 { directory = UInt64($1.first ?? 0) } }) else { return false }
    }
    tables.append(
      Table(
        number: number, directory: directory, level: Int(clamping: level), smallest: keys[0], largest: keys[1],
        places: places))
    return true
  }

  /// Fields of a tag, a length and bytes, up to the tag `end`.
  private mutating func skipCustom(
    end: UInt64, _ seen: (UInt64, ArraySlice<UInt8>) -> Void = { _, _ in }
  ) -> Bool {
    while let tag = rest.number() {
      if tag == end { return true }
      guard let bytes = rest.bytes() else { return false }
      seen(tag, bytes)
    }
    return false
  }

  /// What a blob file is or lost.
  private mutating func skip(numbers: Int, texts: Int) -> Bool {
    for _ in 0..<numbers where rest.number() == nil { return false }
    for _ in 0..<texts where rest.bytes() == nil { return false }
    return skipCustom(end: 0)
  }

  /// A log's size, in the form of RocksDB 6.12.
  private mutating func skipLog() -> Bool {
    guard rest.number() != nil else { return false }
    while let tag = rest.number() {
      if tag == 1 { return true }
      guard tag == 2, rest.number() != nil else { return false }
    }
    return false
  }
}

extension ManifestEdit {
  /// The record with tables named by their numbers in place of their keys, and the order of bytes in place of its own.
  func anonymous(_ record: [UInt8], order: String) -> [UInt8] {
    var pieces: [(Range<Int>, [UInt8])] = tables.flatMap { table in
      zip(table.places, [UInt8(0), 1]).map { place, side in
        (place, Self.key(table.number, side, record[place].suffix(8)))
      }
    }
    if let orderPlace { pieces.append((orderPlace, Self.text(Array(order.utf8)))) }
    var result: [UInt8] = []
    var done = 0
    for (place, replacement) in pieces.sorted(by: { $0.0.lowerBound < $1.0.lowerBound }) {
      result += record[done..<place.lowerBound] + replacement
      done = place.upperBound
    }
    return result + record[done...]
  }

  private static func key(_ number: UInt64, _ side: UInt8, _ tail: ArraySlice<UInt8>) -> [UInt8] {
    text((0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } + [side] + tail)
  }

  private static func text(_ bytes: [UInt8]) -> [UInt8] {
    var length = bytes.count
    var result: [UInt8] = []
    while length >= 0x80 {
      result.append(UInt8(length & 0x7f) | 0x80)
      length >>= 7
    }
    return result + [UInt8(length)] + bytes
  }
}

/// Reads numbers of seven bits a byte, and bytes with their length before them.
private struct ManifestCursor {
  private let record: [UInt8]
  private(set) var offset = 0

  init(_ record: [UInt8]) { self.record = record }

  var isEmpty: Bool { offset == record.count }

  mutating func number() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard offset < record.count else { return nil }
      let byte = record[offset]
      offset += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  mutating func bytes() -> ArraySlice<UInt8>? {
    guard let count = number(), count <= UInt64(record.count - offset) else { return nil }
    defer { offset += Int(count) }
    return record[offset..<(offset + Int(count))]
  }
}
