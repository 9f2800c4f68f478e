import Foundation

/// JSON as Go's `encoding/json` writes it: no spaces, and `<`, `>`, `&`, U+2028 and U+2029 escaped. A tree is named by
/// the hash of its text, so every byte counts. Source of the rules: Go's `encoding/json`, `encodeState.string`.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

  /// Text as it stands: structure, keys, numbers.
  mutating func raw(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func raw(_ text: some Sequence<UInt8>) { bytes.append(contentsOf: text) }

  /// In decimal digits.
  mutating func number(_ number: some FixedWidthInteger) {
    if number < 10 && number >= 0 { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
    bytes.append(contentsOf: String(number).utf8)
  }

  mutating func string(_ text: String) { string(Array(text.utf8)) }

  /// - Parameter text: UTF-8; each byte that is not becomes `\ufffd`.
  mutating func string(_ text: [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte < 0x80 {
        ascii(byte)
        index += 1
      } else if let (scalar, length) = UTF8Scalar.read(text, at: index) {
        if scalar.value == 0x2028 || scalar.value == 0x2029 {
          raw(scalar.value == 0x2028 ? "\\u2028" : "\\u2029")
        } else {
          bytes.append(contentsOf: text[index..<index + length])
        }
        index += length
      } else {
        raw("\\ufffd")
        index += 1
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// A list of texts, between brackets.
  mutating func strings(_ texts: [String]) {
    raw("[")
    for (index, text) in texts.enumerated() {
      if index > 0 { raw(",") }
      string(text)
    }
    raw("]")
  }

  /// Bytes in base64, between quotes; nil is `null`.
  mutating func base64(_ value: [UInt8]?) {
    guard let value else { return raw("null") }
    raw("\"")
    raw(Data(value).base64EncodedString().utf8)
    raw("\"")
  }

  mutating func id(_ id: ObjectID) {
    raw("\"")
    for byte in id.bytes { bytes.append(contentsOf: [Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]]) }
    raw("\"")
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private mutating func ascii(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): raw("\\\"")
    case UInt8(ascii: "\\"): raw("\\\\")
    case 0x08: raw("\\b")
    case 0x09: raw("\\t")
    case 0x0a: raw("\\n")
    case 0x0c: raw("\\f")
    case 0x0d: raw("\\r")
    case ..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
      raw("\\u00")
      bytes.append(contentsOf: [Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]])
    default: bytes.append(byte)
    }
  }
}
