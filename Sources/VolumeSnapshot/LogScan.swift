import GoudCore

/// Reads a write-ahead log piece by piece: where its last whole record ends, and whether whole pieces of it lie behind a
/// place that RocksDB would take for its end.
///
/// RocksDB recovers a log up to the first piece that it cannot read and drops the rest, or goes on behind it, without a
/// word: right for the torn end of a crash, wrong for a flipped bit in the middle. The difference is what follows. So
/// behind a fault every place of every block is looked at.
///
/// A value, fed block by block. What lies before a whole record of this log never changes as long as the file keeps its
/// name: records are appended, and a file is renamed before it is used again. So a later look goes on at `position`.
struct LogScan: Sendable {
  /// Where pieces of the log end, or seem to.
  struct Fault: Sendable {
    enum Kind { case torn, zeros, leftover }

    var kind: Kind
    let offset: Int64
    /// Where the last whole record before it ends, and the sequence number expected next.
    let soundEnd: Int64
    let sequence: LogSequence
    let recordsBefore: Int
    /// Whole pieces of this log behind it.
    var piecesBehind = 0
  }

  /// What is known at one place of the log.
  private struct State {
    var position: Int64 = 0
    var end: Int64 = 0
    var records = 0
    var sequence = LogSequence()
    var fault: Fault?
    var recyclable: Bool?
    var compressed = false
    var open: OpenRecord?
    var gapEnd: Int64?
  }

  private struct OpenRecord {
    let start: Int64
    var head: [UInt8]
  }

  let number: UInt64
  private var state = State()
  private var resume = State()

  init(number: UInt64) { self.number = number }

  /// Where the last whole record ends, behind a fault or not.
  var end: Int64 { state.end }
  /// Whole records, behind a fault or not.
  var records: Int { state.records }
  var recordsBeforeFault: Int { state.fault?.recordsBefore ?? state.records }
  /// Of the records before the first fault.
  var sequence: LogSequence { state.fault?.sequence ?? state.sequence }
  /// Where the newest record ends that does not go on where the one before ended, or is a step of a two-phase
  /// transaction; nil when none is.
  var gapEnd: Int64? { state.gapEnd }
  /// The first; nil when the log ends with its last whole record.
  var fault: Fault? { state.fault }

  /// Goes back to the beginning of the block in which the last whole record ends, or before the first fault.
  /// - Returns: where to go on reading.
  mutating func goBack() -> Int64 {
    state = resume
    return state.position
  }

  /// Takes in the next blocks; the last of all may be a part of one.
  mutating func read(_ bytes: UnsafeRawBufferPointer) {
    for start in stride(from: 0, to: bytes.count, by: LogPiece.blockSize) {
      let block = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + LogPiece.blockSize, bytes.count)])
      let before = state
      readBlock(block)
      if state.fault == nil, state.end > before.position { resume = before }
      state.position += Int64(block.count)
    }
  }

  /// To be called when nothing more is to come: a record that is not whole is a torn end.
  mutating func finish() {
    if let open = state.open { lose(at: open.start, .torn) }
  }

  private mutating func readBlock(_ block: UnsafeRawBufferPointer) {
    if state.fault != nil && block.isZero(from: 0) { return }
    let number = UInt32(truncatingIfNeeded: number)
    var offset = 0
    while offset + LogPiece.headerSize <= block.count {
      let place = LogPlace(block, at: offset, number: number)
      if case .piece(let piece) = place, state.recyclable == nil || piece.recyclable != !state.recyclable! {
        take(piece, at: state.position + Int64(offset), end: state.position + Int64(piece.next))
        offset = piece.next
        continue
      }
      if isPadding(block, from: offset) { return }
      lose(at: state.position + Int64(offset), kind(place, in: block, from: offset))
      if case .foreign(let next) = place {
        offset = next
        continue
      }
      guard
        let found = LogPiece.search(
          block, from: offset + 1, number: number, recyclable: state.recyclable, compressed: state.compressed)
      else { return }
      offset = found
    }
    // Less than a header: a block's padding, or the beginning of one that was being written.
    if block.count < LogPiece.blockSize, !block.isZero(from: offset), state.open == nil {
      lose(at: state.position + Int64(offset), .torn)
    }
  }

  /// A writer leaves the end of a block empty when its header does not fit.
  private func isPadding(_ block: UnsafeRawBufferPointer, from offset: Int) -> Bool {
    block.count == LogPiece.blockSize && block.count - offset < LogPiece.headerSize + 4 && block.isZero(from: offset)
  }

  private func kind(_ place: LogPlace, in block: UnsafeRawBufferPointer, from offset: Int) -> Fault.Kind {
    if state.recyclable == true { return .leftover }
    if case .zeros = place, block.isZero(from: offset) { return .zeros }
    if case .foreign = place, state.recyclable == nil { return .leftover }
    return .torn
  }

  /// Notes a fault at `offset`; only the first counts, and zeros are an end only with nothing else behind them.
  private mutating func lose(at offset: Int64, _ kind: Fault.Kind) {
    if state.fault == nil {
      let start = state.open?.start ?? offset
      state.fault = Fault(
        kind: state.open == nil ? kind : .torn, offset: start, soundEnd: state.end, sequence: state.sequence,
        recordsBefore: state.records)
    } else if state.fault?.kind == .zeros && kind != .zeros {
      state.fault?.kind = .torn
    }
    state.open = nil
  }

  // MARK: Records

  private mutating func take(_ piece: LogPiece, at start: Int64, end: Int64) {
    if piece.role != .setting { state.recyclable = piece.recyclable ?? state.recyclable }
    if piece.compression { state.compressed = true }
    switch piece.role {
    case .setting:
      if state.open == nil { state.end = end }
      return
    case .unknown:
      lose(at: start, .torn)
    case .full, .first:
      // Old writers began a record with an empty piece at a block's end.
      if let open = state.open, !open.head.isEmpty { lose(at: open.start, .torn) }
      state.open = OpenRecord(start: start, head: [])
    case .middle, .last:
      if state.open == nil { lose(at: start, .torn) }
    }
    if state.fault != nil { state.fault!.piecesBehind += 1 }
    // Most records are one piece, by millions: nothing is kept of them.
    if piece.role == .full {
      state.open = nil
      return close(from: start, head: piece.payload, end: end)
    }
    if let missing = state.open.map({ LogSequence.headSize - $0.head.count }), missing > 0 {
      state.open!.head += piece.payload.prefix(missing)
    }
    if piece.role == .last, let open = state.open {
      state.open = nil
      open.head.withUnsafeBytes { close(from: open.start, head: $0, end: end) }
    }
  }

  /// - Parameter head: the first bytes of the record, `LogSequence.headSize` at least if it has so many.
  private mutating func close(from start: Int64, head: UnsafeRawBufferPointer, end: Int64) {
    if !state.compressed {
      guard head.count >= 12 else { return lose(at: start, .torn) }
      if state.fault == nil {
        let before = state.sequence
        state.sequence.note(head)
        if state.sequence.gaps > before.gaps || state.sequence.steps > before.steps { state.gapEnd = end }
      }
    }
    state.records += 1
    state.end = end
  }
}
