import GoudCore

/// The writes in whole records of a log, read without RocksDB: what a database was told to keep, before it is in any table.
public enum LogWrites {
  /// What one write put. Borrowed: it is gone when the call returns.
  public struct Put {
    /// The column family's number; 0 is `default`.
    public let family: UInt32
    public let key: UnsafeRawBufferPointer
    public let value: UnsafeRawBufferPointer
  }

  /// Calls `body` with each value that was put, in order.
  /// - Parameter growth: as a follower hands it over.
  /// - Returns: false when something in it is of a kind that is not known here, such as a step of a two-phase transaction;
  ///   what comes after it is not read then.
  public static func each(of growth: DatabaseFollower.Growth, _ body: (Put) -> Void) -> Bool {
    guard case .log(let number) = DatabaseFileName(FileSystem.name(of: growth.path)) else { return false }
    return growth.bytes.withUnsafeBytes { bytes in
      var record: [UInt8] = []
      var start = 0
      while start < bytes.count {
        // Blocks are counted from the log's beginning.
        let place = Int((growth.offset + Int64(start)) % Int64(LogPiece.blockSize))
        let end = min(start + LogPiece.blockSize - place, bytes.count)
        let block = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        guard read(block, UInt32(truncatingIfNeeded: number), &record, body) else { return false }
        start = end
      }
      return true
    }
  }

  private static func read(
    _ block: UnsafeRawBufferPointer, _ number: UInt32, _ record: inout [UInt8], _ body: (Put) -> Void
  ) -> Bool {
    var offset = 0
    while offset + LogPiece.headerSize <= block.count {
      guard case .piece(let piece) = LogPlace(block, at: offset, number: number) else {
        // A writer leaves the end of a block empty when its header does not fit.
        return block.isZero(from: offset)
      }
      offset = piece.next
      switch piece.role {
      case .setting: continue
      case .unknown: return false
      case .full:
        guard read(batch: piece.payload, body) else { return false }
      case .first: record = Array(piece.payload)
      case .middle: record += piece.payload
      case .last:
        record += piece.payload
        guard record.withUnsafeBytes({ read(batch: $0, body) }) else { return false }
      }
    }
    return true
  }

  /// RocksDB's `db/write_batch.cc`: sequence number (8), count (4), then a kind (1) and what belongs to it, for each.
  private static func read(batch: UnsafeRawBufferPointer, _ body: (Put) -> Void) -> Bool {
    guard batch.count >= 12 else { return false }
    var fields = BatchFields(batch, from: 12)
    while let kind = fields.byte() {
      switch kind {
      case 0x0d: continue
      case 0x03: guard fields.bytes() != nil else { return false }
      case 0x00, 0x07: guard fields.bytes() != nil else { return false }
      case 0x04, 0x08: guard fields.number() != nil, fields.bytes() != nil else { return false }
      case 0x02, 0x0f: guard fields.bytes() != nil, fields.bytes() != nil else { return false }
      case 0x06, 0x0e: guard fields.number() != nil, fields.bytes() != nil, fields.bytes() != nil else { return false }
      case 0x01:
        guard let key = fields.bytes(), let value = fields.bytes() else { return false }
        body(Put(family: 0, key: key, value: value))
      case 0x05:
        guard let family = fields.number(), let key = fields.bytes(), let value = fields.bytes() else { return false }
        body(Put(family: family, key: key, value: value))
      default: return false
      }
    }
    return true
  }
}

/// Reads what a batch consists of.
private struct BatchFields {
  private let batch: UnsafeRawBufferPointer
  private var offset: Int

  init(_ batch: UnsafeRawBufferPointer, from offset: Int) { (self.batch, self.offset) = (batch, offset) }

  mutating func byte() -> UInt8? {
    guard offset < batch.count else { return nil }
    defer { offset += 1 }
    return batch[offset]
  }

  /// Seven bits a byte, the lowest first.
  mutating func number() -> UInt32? {
    var value: UInt64 = 0
    for shift in stride(from: 0, through: 28, by: 7) {
      guard let byte = byte() else { return nil }
      value |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte & 0x80 == 0 { return UInt32(exactly: value) }
    }
    return nil
  }

  /// As many as the number in front of them says.
  mutating func bytes() -> UnsafeRawBufferPointer? {
    guard let count = number(), Int(count) <= batch.count - offset else { return nil }
    defer { offset += Int(count) }
    return UnsafeRawBufferPointer(rebasing: batch[offset..<offset + Int(count)])
  }
}
