import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

/// Whole records behind a fault are always found, whatever the fault looks like.
@Suite struct LogDamageTests {
  /// A database whose one log holds 300 records of about 930 bytes, nine blocks.
  private struct OneLog {
    let volume: String
    let log: String
    let whole: [UInt8]
    /// Where each piece begins.
    let pieces: [Int]

    init(_ scratch: String, _ options: String = "") throws {
      volume = "\(scratch)/db"
      let database = try RawDatabase(volume, options)
      for number in 0..<300 { try database.put("key\(number)", bytes: 900) }
      log = try #require(try FileSystem.names(in: volume).first { $0.hasSuffix(".log") }.map { "\(scratch)/db/\($0)" })
      whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log)))
      var pieces: [Int] = []
      var offset = 0
      while offset < whole.count {
        if LogPiece.blockSize - offset % LogPiece.blockSize < 7 {
          offset = (offset / LogPiece.blockSize + 1) * LogPiece.blockSize
        }
        pieces.append(offset)
        offset += 7 + Int(whole[offset + 4]) + Int(whole[offset + 5]) << 8
      }
      self.pieces = pieces
    }

    /// The first piece that begins in a block, or a later one.
    func piece(block: Int, _ later: Int = 0) -> Int {
      pieces[pieces.firstIndex { $0 / LogPiece.blockSize == block }! + later]
    }
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (inout [UInt8], (Int, Int) -> Int) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout [UInt8], (Int, Int) -> Int) -> Void) {
      testDescription = name
      self.apply = apply
    }
  }

  static let kinds: [Damage] =
    [
      Damage("the first header is zero") { bytes, _ in for place in 0..<7 { bytes[place] = 0 } },
      Damage("a header in the middle is zero") { bytes, piece in
        for place in 0..<7 { bytes[piece(4, 3) + place] = 0 }
      },
      Damage("a page is zero") { bytes, _ in for place in 98304..<102400 { bytes[place] = 0 } },
      Damage("block 3 is zero") { bytes, _ in for place in 98304..<131072 { bytes[place] = 0 } },
      Damage("blocks 2 to 6 are zero") { bytes, _ in for place in 65536..<229376 { bytes[place] = 0 } },
      Damage("a length in the last block") { bytes, piece in bytes[piece(8, 1) + 5] ^= 0x40 },
      Damage("a length that leads to another piece's middle") { bytes, piece in bytes[piece(2, 1) + 4] ^= 8 },
      Damage("two neighbouring payloads of the last block") { bytes, piece in
        for piece in [piece(8, 0), piece(8, 1)] { bytes[piece + 50] ^= 1 }
      },
      Damage("every second payload from block 1 on") { bytes, piece in
        for place in stride(from: piece(1, 0), to: bytes.count - 2000, by: 1870) { bytes[place + 50] ^= 1 }
      },
      Damage("the last of the records but one") { bytes, _ in bytes[bytes.count - 1000] ^= 1 },
      Damage("a page of noise") { bytes, _ in
        for place in 40960..<45056 { bytes[place] = UInt8(truncatingIfNeeded: place &* 2_654_435_761 >> 7) }
      },
    ]
    + (0...255).filter { $0 != 1 && $0 % 8 < 4 }.map { type in
      Damage("type \(type)") { bytes, piece in bytes[piece(5, 2) + 6] = UInt8(type) }
    }

  @Test(arguments: kinds)
  func damageIsFoundWhateverItLooksLike(_ damage: Damage) throws {
    try inTemporaryDirectory { scratch in
      let one = try OneLog(scratch)
      var bytes = one.whole
      damage.apply(&bytes) { one.piece(block: $0, $1) }
      try #require(bytes != one.whole)
      try Data(bytes).write(to: URL(fileURLWithPath: one.log))
      let error = #expect(throws: GoudError.self) {
        try VolumeSnapshot.take(one.volume, options: SnapshotOptions(scratch: scratch))
      }
      #expect(error?.code == .databaseCorrupt && error?.context["file"] == one.log, "\(error?.message ?? "")")
    }
  }

  @Test func whatIsTakenUnprovenSaysWhatWouldBeMissingAfterThreeLooks() throws {
    try inTemporaryDirectory { scratch in
      let one = try OneLog(scratch)
      var bytes = one.whole
      for place in 24..<4120 { bytes[place] = 0 }
      try Data(bytes).write(to: URL(fileURLWithPath: one.log))
      var options = SnapshotOptions(scratch: scratch)
      options.allowUnproven = true
      let database = try VolumeSnapshot.take(one.volume, options: options).databases[0]
      #expect(database.unproven.count == 1 && database.attempts >= 3)
      #expect(database.unproven.first?.contains("295 whole records") == true, "\(database.unproven)")
    }
  }

  /// A value may hold anything, also what looks like pieces of a log.
  @Test func aTornEndWhoseValueHoldsHeadersIsNoDamage() throws {
    try inTemporaryDirectory { scratch in
      let one = try OneLog(scratch)
      let torn = Array(one.whole[..<(one.pieces.last! + 20)]) + [UInt8](repeating: 1, count: 400)
      try Data(torn).write(to: URL(fileURLWithPath: one.log))
      let view = try VolumeSnapshot.take(one.volume, options: SnapshotOptions(scratch: scratch)).databases[0].view
      #expect(view?.sequence == 299)
    }
  }
}
