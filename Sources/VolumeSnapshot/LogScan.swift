import CISAL
import GoudCore

/// Looks for damage in a write-ahead log that RocksDB would pass over in silence.
///
/// RocksDB recovers a log up to the first record that fails its checksum and drops the rest: right for the torn end of
/// a crash, wrong for a flipped bit in the middle. The difference is what follows: after a torn end there are no more
/// records of this log. Format: RocksDB `db/log_format.h` (blocks of 32 KiB; checksum, length, type, and for recycled
/// logs the log's number before each piece).
struct LogScan {
  /// Where the first piece begins that fails its checksum although intact ones follow; nil for a sound log.
  let damage: Int64?
  /// Whether the log begins with a whole record: something to recover.
  var holdsRecord: Bool { firstRecord == .whole }
  private var firstRecord = FirstRecord.ahead

  private static let blockSize = 32 << 10

  /// Reads `size` bytes of the log `number`, one block at a time.
  init(_ log: Descriptor, number: UInt64, size: Int64) throws {
    var suspect: Int64?
    var block = [UInt8](repeating: 0, count: Self.blockSize)
    for start in stride(from: Int64(0), to: size, by: Self.blockSize) {
      let want = Int(min(size - start, Int64(Self.blockSize)))
      let got = try block.withUnsafeMutableBytes {
        try log.read(into: .init(rebasing: $0[..<want]), at: start)
      }
      let pieces = Pieces(block[..<got], number: UInt32(truncatingIfNeeded: number))
      if suspect == nil { for type in pieces.types { firstRecord.see(type) } }
      if let bad = suspect, pieces.intactAfterStart {
        damage = bad
        return
      }
      if let bad = pieces.firstBad {
        if pieces.intactAfterBad {
          damage = start + Int64(bad)
          return
        }
        suspect = suspect ?? start + Int64(bad)
      }
    }
    damage = nil
  }
}

/// How much of a log's first record was seen. A record is one whole piece, or a first, middle ones and a last.
private enum FirstRecord {
  case ahead, begun, whole

  /// - Parameter type: of an intact piece, in the log's order.
  mutating func see(_ type: UInt8) {
    switch (self, type) {
    case (.ahead, 1), (.ahead, 5), (.begun, 4), (.begun, 8): self = .whole
    case (.ahead, 2), (.ahead, 6): self = .begun
    default: break
    }
  }
}

/// The pieces of one block.
private struct Pieces {
  /// Offset of the first piece that fails its checksum; nil when none does before the block's end.
  var firstBad: Int?
  /// Whether an intact piece follows the bad one, at the place where its length says the next one begins.
  var intactAfterBad = false
  /// Whether the block begins with an intact piece.
  var intactAfterStart = false
  /// The types of the intact pieces before the bad one.
  var types: [UInt8] = []

  private enum Piece {
    case intact(next: Int)
    case bad(next: Int?)
    /// Zeros of a preallocated file, what an earlier use of a recycled file left, or too little for a header.
    case end
  }

  init(_ block: ArraySlice<UInt8>, number: UInt32) {
    var offset = 0
    while offset < block.count {
      switch Self.piece(block, at: offset, number: number) {
      case .intact(let next):
        if offset == 0 { intactAfterStart = true }
        types.append(block[offset + 6])
        offset = next
      case .bad(let next):
        firstBad = offset
        if let next, case .intact = Self.piece(block, at: next, number: number) { intactAfterBad = true }
        return
      case .end:
        return
      }
    }
  }

  private static func piece(_ block: ArraySlice<UInt8>, at offset: Int, number: UInt32) -> Piece {
    guard offset + 7 <= block.count else { return .end }
    let length = Int(block[offset + 4]) | Int(block[offset + 5]) << 8
    let type = block[offset + 6]
    let stored = word(block, offset)
    if stored == 0 && length == 0 && type == 0 { return .end }
    let recycled = (5...8).contains(type) || type == 11 || type == 131
    let header = recycled ? 11 : 7
    let next = offset + header + length
    guard next <= block.count else { return .bad(next: nil) }
    if recycled && word(block, offset + 7) != number { return .end }
    return unmask(stored) == checksum(block[(offset + 6)..<next]) ? .intact(next: next) : .bad(next: next)
  }

  private static func word(_ block: ArraySlice<UInt8>, _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(block[offset + $1]) << (8 * $1) }
  }

  /// RocksDB stores checksums masked (`util/crc32c.h`).
  private static func unmask(_ masked: UInt32) -> UInt32 {
    let rotated = masked &- 0xa282_ead8
    return rotated >> 17 | rotated << 15
  }

  /// CRC-32C.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.withUnsafeBufferPointer {
      ~crc32_iscsi(UnsafeMutablePointer(mutating: $0.baseAddress), Int32($0.count), 0xffff_ffff)
    }
  }
}
