import CISAL

/// CRC-32C, as RocksDB stores it.
struct Checksum {
  private var value: UInt32 = 0xffff_ffff

  init() {}

  init(of bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

  init(of bytes: Slice<UnsafeRawBufferPointer>) { add(UnsafeRawBufferPointer(rebasing: bytes)) }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
    value = crc32_iscsi(UnsafeMutablePointer(mutating: start), Int32(bytes.count), value)
  }

  /// Stored checksums are masked, so that a checksum over bytes with checksums in them is still one (`util/crc32c.h`).
  var masked: UInt32 {
    let sum = ~value
    return (sum >> 15 | sum << 17) &+ 0xa282_ead8
  }
}
