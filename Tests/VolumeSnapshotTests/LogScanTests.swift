import TestSupport
import Testing

@testable import VolumeSnapshot

/// The scan against logs written piece by piece, whole, of newer kinds, and damaged at random.
@Suite struct LogScanTests {
  private func scan(_ bytes: [UInt8], number: UInt64 = 9) -> LogScan {
    var scan = LogScan(number: number)
    bytes.withUnsafeBytes { scan.read($0) }
    scan.finish()
    return scan
  }

  /// What RocksDB 8 to 10 write before records: sizes of timestamps, what is known of the log before, and what readers
  /// are told to pass over.
  @Test(arguments: [9, 10, 11, 130, 131, 200] as [UInt8])
  func settingsAreNoRecordsAndNoFault(_ type: UInt8) {
    var log = PieceWriter(number: 9, recyclable: type == 11 || type == 131)
    log.add(type, [1, 2, 3, 4])
    log.record([5])
    if type != 9 { log.add(type, [6]) }
    let scan = scan(log.bytes)
    #expect(scan.fault == nil && scan.records == 1 && scan.end == log.bytes.count)
  }

  @Test(arguments: [12, 13, 99] as [UInt8])
  func aKindOfPieceToComeIsNoEnd(_ type: UInt8) {
    var log = PieceWriter(number: 9, recyclable: false)
    log.record([5])
    log.add(type, [1, 2, 3, 4])
    #expect(scan(log.bytes).fault?.piecesBehind == 1)
  }

  @Test(arguments: [6, 8, 11, 131] as [UInt8])
  func whatCarriesAnotherNumberIsLeftFromAnEarlierUse(_ type: UInt8) {
    var log = PieceWriter(number: 9, recyclable: true)
    log.record([5])
    let end = log.bytes.count
    let scan = scan(log.bytes + PieceWriter.piece(type, number: 8, [UInt8](repeating: 1, count: 90)))
    #expect(scan.end == end && scan.fault?.kind == .leftover && scan.fault?.piecesBehind == 0)
  }

  /// Old writers began a record with an empty piece where only the header had room.
  @Test func anEmptyFirstPieceIsNoFault() {
    var log = PieceWriter(number: 9, recyclable: false)
    log.record([UInt8](repeating: 7, count: LogPiece.blockSize - 7 - 13 - 7))
    log.add(2, [])
    log.record([1])
    let scan = scan(log.bytes)
    #expect(scan.fault == nil && scan.records == 2 && scan.end == log.bytes.count)
  }

  @Test(arguments: [false, true])
  func recordsOfAllSizesAreReadAndCounted(recyclable: Bool) {
    let log = log(seed: 3, recyclable: recyclable)
    let scan = scan(log.bytes)
    #expect(scan.fault == nil && scan.records == log.ends.count && scan.end == log.bytes.count)
    #expect(scan.sequence.first == 1 && scan.sequence.next == UInt64(log.ends.count) + 1 && !scan.sequence.skips)
  }

  /// The oracle knows every piece: if one is destroyed and a whole one lies behind it, it is damage; if none does, the log
  /// ends with the last whole record before.
  @Test(arguments: [false, true], 1...40 as ClosedRange<UInt64>)
  func anyDamageWithAWholePieceBehindItIsFound(recyclable: Bool, seed: UInt64) {
    var random = SeededNumbers(seed)
    let log = log(seed: seed, recyclable: recyclable)
    var bytes = log.bytes
    let start = Int.random(in: 0..<bytes.count, using: &random)
    let count = [1, 2, 7, 100, 4096, 40_000].randomElement(using: &random)!
    let damaged = start..<min(start + count, bytes.count)
    let kind = Int.random(in: 0..<3, using: &random)
    for place in damaged {
      switch kind {
      case 0: bytes[place] = 0
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      default: bytes[place] = UInt8.random(in: 0...255, using: &random)
      }
    }
    let hit = log.pieces.filter { piece in piece.overlaps(damaged) && bytes[piece] != log.bytes[piece] }
    let behind = log.pieces.count { piece in
      hit.first.map { piece.lowerBound >= $0.upperBound } ?? false && !hit.contains(piece)
    }
    let scan = scan(bytes)
    if hit.isEmpty {
      #expect(scan.fault == nil)
    } else if behind > 0 {
      #expect(scan.fault?.piecesBehind ?? 0 > 0, "\(damaged), kind \(kind), \(behind) whole pieces behind")
    } else {
      #expect(scan.end == log.ends.last { $0 <= hit[0].lowerBound } ?? 0)
    }
  }

  /// Reading on from where an earlier look ended finds what a look from the beginning finds.
  @Test(arguments: [false, true], 1...20 as ClosedRange<UInt64>)
  func aLogThatGrowsIsReadOnFromItsLastRecord(recyclable: Bool, seed: UInt64) {
    var random = SeededNumbers(seed)
    let log = log(seed: seed, recyclable: recyclable)
    var growing = LogScan(number: 9)
    for size in (0..<5).map({ _ in Int.random(in: 0...log.bytes.count, using: &random) }).sorted() + [log.bytes.count] {
      let from = Int(growing.goBack())
      log.bytes[from..<max(from, size)].withUnsafeBytes { growing.read($0) }
      growing.finish()
      let once = scan(Array(log.bytes[..<size]))
      #expect(growing.end == once.end && growing.records == once.records && growing.sequence == once.sequence)
      #expect(growing.end == log.ends.last { $0 <= size } ?? 0)
    }
  }

  private func log(seed: UInt64, recyclable: Bool) -> PieceWriter {
    var random = SeededNumbers(seed)
    var log = PieceWriter(number: 9, recyclable: recyclable)
    while log.bytes.count < 6 * LogPiece.blockSize {
      let count = [0, 5, 100, 900, 10_000, 70_000].randomElement(using: &random)!
      // Noise that repeats after a prime number of bytes: no two pieces are alike.
      let noise = (0..<31).flatMap { _ in PieceWriter.words(random.next(), 8) }.prefix(241)
      log.record(Array([Array](repeating: Array(noise), count: count / 241 + 1).joined().prefix(count)))
    }
    return log
  }
}

/// SplitMix64.
private struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
