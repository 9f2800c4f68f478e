import GoudCore

/// Reads a blob file from end to end: every value in it, also one that nobody refers to any more, agrees with its
/// checksum, and there are as many as its last lines say (RocksDB: `db/blob/blob_log_format.h`).
///
/// No merge operator and no order of keys is needed for it, and no value is held in memory.
struct BlobProof {
  private static let headerSize = 30
  private static let recordHeaderSize = 32
  private static let footerSize = 32
  private static let magic: UInt64 = 2_395_959

  private let file: any ByteSource
  private let size: Int64
  private var buffer = [UInt8](repeating: 0, count: 1 << 20)
  /// What `buffer` holds, by its offsets in the file.
  private var held: Range<Int64> = 0..<0

  /// - Returns: why the file is damaged; nil when it is sound.
  /// - Throws: when it cannot be read.
  static func fault(in file: any ByteSource, size: Int64) throws -> String? {
    var proof = BlobProof(file: file, size: size)
    do {
      return try proof.read()
    } catch is EndsEarly {
      return "it ends early"
    }
  }

  private struct EndsEarly: Error {}

  private init(file: any ByteSource, size: Int64) {
    self.file = file
    self.size = size
  }

  private mutating func read() throws -> String? {
    let end = size - Int64(Self.footerSize)
    guard end >= Int64(Self.headerSize) else { return "it is too short" }
    guard try isHeader(bytes(at: 0, count: Self.headerSize)) else { return "its header is damaged" }
    var offset = Int64(Self.headerSize)
    var count: UInt64 = 0
    while offset < end {
      guard let next = try record(at: offset, before: end) else { return "the value at byte \(offset) is damaged" }
      offset = next
      count += 1
    }
    let footer = try bytes(at: end, count: Self.footerSize)
    guard offset == end, number(footer[..<4]) == Self.magic, number(footer[4..<12]) == count,
      UInt64(Checksum(of: Array(footer.dropLast(4))).masked) == number(footer.suffix(4))
    else { return "its end is damaged" }
    return nil
  }

  /// The header has no checksum. Version 1; values expire in RocksDB's older way of keeping blobs only.
  private func isHeader(_ header: [UInt8]) -> Bool {
    number(header[..<4]) == Self.magic && number(header[4..<8]) == 1 && header[12] == 0
      && header[14...].allSatisfy { $0 == 0 }
  }

  /// - Returns: where the next record begins; nil for a damaged one.
  private mutating func record(at start: Int64, before end: Int64) throws -> Int64? {
    guard start + Int64(Self.recordHeaderSize) <= end else { return nil }
    let header = try bytes(at: start, count: Self.recordHeaderSize)
    guard UInt64(Checksum(of: Array(header[..<24])).masked) == number(header[24..<28]) else { return nil }
    let (length, overflow) = number(header[..<8]).addingReportingOverflow(number(header[8..<16]))
    let data = start + Int64(Self.recordHeaderSize)
    guard !overflow, length <= UInt64(end - data) else { return nil }
    let next = data + Int64(length)
    return UInt64(try checksum(of: data..<next).masked) == number(header[28...]) ? next : nil
  }

  private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  private mutating func bytes(at offset: Int64, count: Int) throws -> [UInt8] {
    if offset < held.lowerBound || offset + Int64(count) > held.upperBound { try fill(from: offset) }
    let start = Int(offset - held.lowerBound)
    return Array(buffer[start..<min(start + count, Int(held.upperBound - held.lowerBound))])
  }

  private mutating func checksum(of range: Range<Int64>) throws -> Checksum {
    var sum = Checksum()
    var offset = range.lowerBound
    while offset < range.upperBound {
      if !held.contains(offset) { try fill(from: offset) }
      let until = min(range.upperBound, held.upperBound)
      buffer.withUnsafeBytes {
        sum.add(UnsafeRawBufferPointer(rebasing: $0[Int(offset - held.lowerBound)..<Int(until - held.lowerBound)]))
      }
      offset = until
    }
    return sum
  }

  private mutating func fill(from offset: Int64) throws {
    let want = Int(min(size - offset, Int64(buffer.count)))
    let file = file
    let got = try buffer.withUnsafeMutableBytes {
      try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<want]), at: offset)
    }
    guard got == want else { throw EndsEarly() }
    held = offset..<(offset + Int64(want))
  }
}
