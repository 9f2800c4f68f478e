import GoudCore

/// The end of a pack, which says what is in it:
///
/// ```
/// pack   = box(blob 1) ‖ … ‖ box(blob n) ‖ box(header) ‖ uint32 LE(length of box(header))
/// header = n × ( type:u8 ‖ length of box:u32 LE [‖ length of plain:u32 LE] ‖ SHA-256 of plain:32 )
/// ```
///
/// Types: 0 data, 1 tree; 2 and 3 the same by zstd, which alone have the length of the plain bytes.
enum PackHeader {
  /// restic refuses longer ones.
  static let limit = 16 << 20
  /// The length at the very end.
  static let trailer = 4

  static func encode(_ entries: [PackEntry]) -> [UInt8] {
    var header: [UInt8] = []
    header.reserveCapacity(entries.reduce(0) { $0 + size(of: $1) })
    for entry in entries {
      let isCompressed = entry.uncompressedLength > 0
      header.append(entry.kind.rawValue + (isCompressed ? 2 : 0))
      append(entry.length, to: &header)
      if isCompressed { append(entry.uncompressedLength, to: &header) }
      header += entry.id.bytes
    }
    return header
  }

  /// - Returns: nil when it is no header.
  static func decode(_ header: [UInt8]) -> [PackEntry]? {
    var entries: [PackEntry] = []
    var offset = 0
    let isWhole = header.withUnsafeBytes { bytes in
      var place = 0
      while place < bytes.count {
        let type = bytes[place]
        guard let kind = BlobKind(rawValue: type & 1), type < 4 else { return false }
        let isCompressed = type >= 2
        let length = 1 + 4 + (isCompressed ? 4 : 0) + ObjectID.count
        guard place + length <= bytes.count else { return false }
        let box = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place + 1, as: UInt32.self))
        let plain =
          isCompressed ? UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place + 5, as: UInt32.self)) : 0
        guard box >= RepositoryKey.overhead, offset + Int(box) <= Int(UInt32.max), isCompressed == (plain > 0) else {
          return false
        }
        let id = ObjectID(reading: UnsafeRawBufferPointer(rebasing: bytes[(place + length - ObjectID.count)...]))
        entries.append(
          PackEntry(id: id, kind: kind, offset: UInt32(offset), length: box, uncompressedLength: plain))
        offset += Int(box)
        place += length
      }
      return true
    }
    return isWhole && !entries.isEmpty ? entries : nil
  }

  /// How large a pack with these blobs is.
  static func packSize(_ entries: [PackEntry]) -> Int {
    entries.reduce(RepositoryKey.overhead + trailer) { $0 + Int($1.length) + size(of: $1) }
  }

  static func size(of entry: PackEntry) -> Int { 1 + 4 + (entry.uncompressedLength > 0 ? 4 : 0) + ObjectID.count }

  static func append(_ number: UInt32, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
