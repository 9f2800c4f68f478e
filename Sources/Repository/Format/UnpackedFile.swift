import GoudCore

/// How JSON lies in an index, a snapshot or a lock, inside its box: as itself, or as 2 ‖ zstd(JSON).
enum UnpackedFile {
  /// No such file of restic's comes near it.
  private static let limit = 2 << 30

  static func encode(_ json: [UInt8]) -> [UInt8] {
    [2] + json.withUnsafeBytes(Zstd.compressAlways)
  }

  /// - Returns: nil when it is neither.
  static func decode(_ plain: [UInt8], limit: Int = limit) -> [UInt8]? {
    switch plain.first {
    case UInt8(ascii: "["), UInt8(ascii: "{"): plain
    case 2: plain.withUnsafeBytes { Zstd.decompress(UnsafeRawBufferPointer(rebasing: $0[1...]), limit: limit) }
    default: nil
    }
  }
}
