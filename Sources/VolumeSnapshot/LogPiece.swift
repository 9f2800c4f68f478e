#if canImport(Glibc)
  import Glibc
#endif

/// One physical piece of a write-ahead log: RocksDB's `db/log_format.h` up to 10.x.
///
/// A log is blocks of 32 KiB. A piece never crosses a block's end: checksum (4 bytes), length (2), type (1), in a log
/// that may be recycled the log's number (4), payload. A record is one whole piece, or a first, middle ones and a last.
struct LogPiece {
  enum Role {
    case full, first, middle, last
    /// How to read what follows: the log's compression, sizes of timestamps, what is known of the log before.
    case setting
    /// Of a RocksDB to come, and not marked as one that readers may pass over.
    case unknown
  }

  let role: Role
  /// Whether the piece carries the log's number; nil for settings that never do.
  let recyclable: Bool?
  let compression: Bool
  let payload: UnsafeRawBufferPointer
  /// Where in the block the next piece begins.
  let next: Int

  static let blockSize = 32 << 10
  static let headerSize = 7
}

/// What lies at a place of a block.
enum LogPlace {
  case piece(LogPiece)
  /// A whole piece of an earlier use of the file; `next`: where the one behind it begins.
  case foreign(next: Int)
  case zeros, bad
}

extension LogPlace {
  /// Looks at `offset`, where a header fits.
  /// - Parameter number: of the log; a recyclable piece with another one is left from an earlier use of the file.
  init(_ block: UnsafeRawBufferPointer, at offset: Int, number: UInt32) {
    let stored = block.word(offset)
    let length = Int(block[offset + 4]) | Int(block[offset + 5]) << 8
    let type = block[offset + 6]
    if stored == 0 && length == 0 && type == 0 {
      self = .zeros
      return
    }
    let (role, recyclable) = Self.meaning(type)
    let header = recyclable == true ? LogPiece.headerSize + 4 : LogPiece.headerSize
    let next = offset + header + length
    guard next <= block.count, type != 0, stored == Checksum(of: block[(offset + 6)..<next]).masked else {
      self = .bad
      return
    }
    if recyclable == true, block.word(offset + 7) != number {
      self = .foreign(next: next)
    } else {
      let payload = UnsafeRawBufferPointer(rebasing: block[(offset + header)..<next])
      self = .piece(
        LogPiece(role: role, recyclable: recyclable, compression: type == 9, payload: payload, next: next))
    }
  }

  private static func meaning(_ type: UInt8) -> (LogPiece.Role, Bool?) {
    switch type {
    case 1, 5: (.full, type == 5)
    case 2, 6: (.first, type == 6)
    case 3, 7: (.middle, type == 7)
    case 4, 8: (.last, type == 8)
    case 9: (.setting, nil)
    case 10, 130: (.setting, false)
    case 11, 131: (.setting, true)
    default: (type >= 128 ? .setting : .unknown, nil)
    }
  }
}

extension LogPiece {
  /// The first whole piece with data of this log from `offset` on, wherever in the block it begins.
  ///
  /// A writer divides a record at a block's end only: what is neither whole nor a first piece begins a block, and a
  /// first piece ends one. So few places are worth a checksum. Compressed records are divided anywhere.
  static func search(
    _ block: UnsafeRawBufferPointer, from offset: Int, number: UInt32, recyclable: Bool?, compressed: Bool
  ) -> Int? {
    guard offset + headerSize <= block.count else { return nil }
    for place in offset...(block.count - headerSize) {
      let type = block[place + 6]
      guard type >= 1, type <= 8, recyclable == nil || recyclable == (type > 4) else { continue }
      let length = Int(block[place + 4]) | Int(block[place + 5]) << 8
      let header = type > 4 ? headerSize + 4 : headerSize
      let next = place + header + length
      guard next <= block.count else { continue }
      if !compressed {
        switch type {
        case 1, 5: guard length >= 12, block[place + header + 7] == 0 else { continue }
        case 2, 6: guard next == blockSize else { continue }
        default: guard place == 0 else { continue }
        }
      }
      if case .piece = LogPlace(block, at: place, number: number) { return place }
    }
    return nil
  }
}

extension UnsafeRawBufferPointer {
  func word(_ offset: Int) -> UInt32 { UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }

  func isZero(from start: Int) -> Bool {
    guard start < count else { return true }
    let rest = baseAddress! + start
    return self[start] == 0 && memcmp(rest, rest + 1, count - start - 1) == 0
  }
}
