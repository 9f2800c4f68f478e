/// Reads one message of the canonical protobuf encoding, field by field, without copying.
///
/// Written for the verifier from the description of the encoding, so that it shares nothing with the library that the
/// node decodes with. Canonical: fields in the order of their numbers, each once unless it is repeated, none zero or
/// empty, every number in as few bytes as it takes.
struct WireReader {
  enum Value {
    case number(UInt64)
    case bytes(UnsafeRawBufferPointer)
  }

  struct Malformed: Error {}

  private let bytes: UnsafeRawBufferPointer
  private let repeated: UInt64
  private var offset = 0
  private var last: UInt64 = 0

  /// - Parameter repeated: the one field that may occur several times; 0: none.
  init(_ bytes: UnsafeRawBufferPointer, repeated: UInt64 = 0) {
    self.bytes = bytes
    self.repeated = repeated
  }

  /// The next field; nil at the end.
  mutating func next() throws(Malformed) -> (field: UInt64, value: Value)? {
    guard offset < bytes.count else { return nil }
    let tag = try number()
    let field = tag >> 3
    guard field > last || field == last && field == repeated, field > 0 else { throw Malformed() }
    last = field
    switch tag & 7 {
    case 0:
      let value = try number()
      guard value != 0 else { throw Malformed() }
      return (field, .number(value))
    case 2:
      let count = try number()
      guard count > 0, count <= UInt64(bytes.count - offset) else { throw Malformed() }
      let value = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
      offset += Int(count)
      return (field, .bytes(value))
    default: throw Malformed()
    }
  }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  private mutating func number() throws(Malformed) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count, shift < 64 {
      let byte = bytes[offset]
      offset += 1
      guard shift < 63 || byte <= 1 else { throw Malformed() }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 {
        guard byte != 0 || shift == 0 else { throw Malformed() }
        return value
      }
      shift += 7
    }
    throw Malformed()
  }
}
