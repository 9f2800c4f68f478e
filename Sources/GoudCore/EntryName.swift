#if canImport(Glibc)
  import Glibc
#endif

/// A name as the kernel has it.
struct EntryName: Sendable, Comparable, CustomStringConvertible {
  /// Ends with a zero.
  let bytes: [CChar]

  init(_ name: String) { bytes = Array(name.utf8CString) }

  init(_ pointer: UnsafePointer<CChar>) {
    bytes = Array(UnsafeBufferPointer(start: pointer, count: strlen(pointer) + 1))
  }

  /// `.` or `..`
  var isDots: Bool { bytes.count <= 3 && bytes.dropLast().allSatisfy { $0 == CChar(UInt8(ascii: ".")) } }

  /// nil when it is not UTF-8.
  var text: String? { String(validating: bytes.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) }

  static func < (left: EntryName, right: EntryName) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes) { UInt8(bitPattern: $0) < UInt8(bitPattern: $1) }
  }

  var description: String {
    if let text { return text }
    return bytes.dropLast().map {
      let byte = UInt8(bitPattern: $0)
      return byte < 0x80 ? String(UnicodeScalar(byte)) : "\\x\(String(byte, radix: 16))"
    }.joined()
  }
}
