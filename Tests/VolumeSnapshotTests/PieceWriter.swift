@testable import VolumeSnapshot

/// Writes a log piece by piece, in RocksDB's format but without its code: an independent judge of our reader.
struct PieceWriter {
  let number: UInt32
  let recyclable: Bool
  private(set) var bytes: [UInt8] = []
  /// Where each piece with data begins and ends.
  private(set) var pieces: [Range<Int>] = []
  /// Where each record ends.
  private(set) var ends: [Int] = []
  private var sequence: UInt64 = 1

  init(number: UInt32, recyclable: Bool) { (self.number, self.recyclable) = (number, recyclable) }

  private var header: Int { recyclable ? 11 : 7 }

  /// A record of one write with `payload` bytes behind the head.
  mutating func record(_ payload: [UInt8]) {
    var rest = Self.words(sequence, 8) + Self.words(1, 4) + [1] + payload
    sequence += 1
    var isFirst = true
    while isFirst || !rest.isEmpty {
      let room = LogPiece.blockSize - bytes.count % LogPiece.blockSize
      if room < header {
        bytes += [UInt8](repeating: 0, count: room)
        continue
      }
      let part = Array(rest.prefix(room - header))
      rest.removeFirst(part.count)
      let type: UInt8 = isFirst ? (rest.isEmpty ? 1 : 2) : (rest.isEmpty ? 4 : 3)
      add(type + (recyclable ? 4 : 0), part)
      isFirst = false
    }
    ends.append(bytes.count)
  }

  /// One piece of any type, at once.
  mutating func add(_ type: UInt8, _ payload: [UInt8]) {
    let start = bytes.count
    let carriesNumber = (5...8).contains(type) || type == 11 || type == 131
    bytes += Self.piece(type, number: carriesNumber ? number : nil, payload)
    if type <= 8 { pieces.append(start..<bytes.count) }
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { word, _ in word >> 1 ^ (word & 1 == 1 ? 0x82f6_3b78 : 0) }
  }

  static func piece(_ type: UInt8, number: UInt32?, _ payload: [UInt8]) -> [UInt8] {
    let covered = [type] + (number.map { words(UInt64($0), 4) } ?? []) + payload
    var checksum = ~UInt32(0)
    for byte in covered { checksum = checksum >> 8 ^ table[Int((checksum ^ UInt32(byte)) & 0xff)] }
    checksum = ~checksum
    let masked = (checksum >> 15 | checksum << 17) &+ 0xa282_ead8
    return words(UInt64(masked), 4) + words(UInt64(payload.count), 2) + covered
  }

  static func words(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
