import Foundation

/// Reads JSON from bytes, in one pass, without building a model of it: a directory's tree has millions of them. Takes
/// what Go takes: unknown fields, `null` for any value, and half a surrogate pair, which stands for U+FFFD.
struct JSONReader {
  /// What is wrong, for the message of whoever reads.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  private let bytes: [UInt8]
  /// Where the next value begins, or the blanks before it.
  private(set) var position: Int

  init(_ bytes: [UInt8], at position: Int = 0) { (self.bytes, self.position) = (bytes, position) }

  /// Reads an object: calls `body` for each field, which must read the value, all of it and no more.
  /// - Returns: false when there is `null` instead.
  @discardableResult
  mutating func object(_ body: (inout JSONReader, String) throws -> Void) throws -> Bool {
    if try null() { return false }
    try expect("{")
    if peek() == UInt8(ascii: "}") {
      position += 1
      return true
    }
    while true {
      let key = try text() ?? ""
      try expect(":")
      try body(&self, key)
      if try endsList("}") { return true }
    }
  }

  /// Reads a list: calls `body` for each element, which must read it, all of it and no more.
  /// - Returns: false when there is `null` instead.
  @discardableResult
  mutating func list(_ body: (inout JSONReader) throws -> Void) throws -> Bool {
    if try null() { return false }
    try expect("[")
    if peek() == UInt8(ascii: "]") {
      position += 1
      return true
    }
    while true {
      try body(&self)
      if try endsList("]") { return true }
    }
  }

  /// - Returns: nil for `null`.
  mutating func text() throws -> String? {
    try string().map { String(decoding: $0, as: UTF8.self) }
  }

  /// The UTF-8 of a string.
  /// - Returns: nil for `null`.
  mutating func string() throws -> [UInt8]? {
    if try null() { return nil }
    try expect("\"")
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
      position += 1
    }
    var string = Array(bytes[start..<position])
    while true {
      guard position < bytes.count else { throw fault("a string without an end") }
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return Self.repaired(string)
      case UInt8(ascii: "\\"): try unescape(into: &string)
      default: string.append(byte)
      }
    }
  }

  /// - Returns: 0 for `null`.
  mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws -> Number {
    if try null() { return 0 }
    let start = position
    var value: Number = 0
    while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
      let (product, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, overSum) = product.addingReportingOverflow(Number(digit))
      guard !over, !overSum else { throw fault("a number that is too large") }
      value = sum
      position += 1
    }
    guard position > start, position == bytes.count || !".eE".utf8.contains(bytes[position]) else {
      throw fault("no whole number")
    }
    return value
  }

  /// - Returns: nil for `null`.
  mutating func base64() throws -> [UInt8]? {
    guard let string = try string() else { return nil }
    guard let data = Data(base64Encoded: Data(string)) else { throw fault("no base64") }
    return Array(data)
  }

  /// - Returns: nil for `null`.
  mutating func id() throws -> ObjectID? {
    guard let string = try string() else { return nil }
    guard let id = ObjectID(hexDigits: string) else { throw fault("no identifier") }
    return id
  }

  /// - Returns: nil for `null`.
  mutating func time() throws -> Timestamp? {
    guard let string = try string() else { return nil }
    guard let time = Timestamp(string) else { throw fault("no time") }
    return time
  }

  /// Passes over a value, whatever it is.
  /// - Returns: its text.
  @discardableResult
  mutating func value() throws -> ArraySlice<UInt8> {
    guard peek() != nil else { throw fault("nothing where a value should be") }
    let start = position
    var depth = 0
    repeat {
      switch peek() {
      case nil: throw fault("a value without an end")
      case UInt8(ascii: "\""): try passString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        position += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard depth > 0 else { throw fault("nothing where a value should be") }
        position += 1
      default: try word()
      }
      guard depth >= 0 else { throw fault("nothing where a value should be") }
    } while depth > 0
    return bytes[start..<position]
  }

  /// After the last value: only blanks are left.
  mutating func end() throws {
    guard peek() == nil else { throw fault("more than one value") }
  }

  func fault(_ what: String) -> Fault { Fault(description: "\(what) at byte \(position)") }

  // MARK: Pieces

  /// A number, `true`, `false` or `null`.
  private mutating func word() throws {
    let start = position
    while position < bytes.count, !Self.endsWord(bytes[position]) { position += 1 }
    guard position > start else { throw fault("an unknown word") }
  }

  /// A string, whatever it says.
  private mutating func passString() throws {
    position += 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < bytes.count else { throw fault("a string without an end") }
    position += 1
  }

  private static func endsWord(_ byte: UInt8) -> Bool { byte <= 0x20 || ",:{}[]\"".utf8.contains(byte) }

  /// The next byte that is no blank, not passed.
  private mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      case let byte: return byte
      }
    }
    return nil
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws {
    guard peek() == UInt8(ascii: mark) else { throw fault("no \(mark)") }
    position += 1
  }

  private mutating func endsList(_ mark: Unicode.Scalar) throws -> Bool {
    let next = peek()
    position += 1
    if next == UInt8(ascii: mark) { return true }
    guard next == UInt8(ascii: ",") else { throw fault("neither a comma nor \(mark)") }
    return false
  }

  private mutating func null() throws -> Bool {
    guard peek() == UInt8(ascii: "n") else { return false }
    guard bytes[position...].starts(with: "null".utf8) else { throw fault("an unknown word") }
    position += 4
    return true
  }

  private mutating func unescape(into string: inout [UInt8]) throws {
    guard position < bytes.count else { throw fault("a string without an end") }
    let letter = bytes[position]
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): string.append(letter)
    case UInt8(ascii: "b"): string.append(0x08)
    case UInt8(ascii: "f"): string.append(0x0c)
    case UInt8(ascii: "n"): string.append(0x0a)
    case UInt8(ascii: "r"): string.append(0x0d)
    case UInt8(ascii: "t"): string.append(0x09)
    case UInt8(ascii: "u"): string.append(contentsOf: String(Character(try scalar())).utf8)
    default: throw fault("an unknown escape")
    }
  }

  /// What stands behind `\u`.
  private mutating func scalar() throws -> Unicode.Scalar {
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard UTF16.isLeadSurrogate(first), bytes[position...].starts(with: "\\u".utf8) else { return "\u{fffd}" }
    let behind = position
    position += 2
    let second = try codeUnit()
    guard UTF16.isTrailSurrogate(second) else {
      position = behind
      return "\u{fffd}"
    }
    return Unicode.Scalar(0x10000 + (UInt32(first) - 0xd800) << 10 + UInt32(second) - 0xdc00) ?? "\u{fffd}"
  }

  private mutating func codeUnit() throws -> UInt16 {
    let digits = bytes[position...].prefix(4)
    guard digits.count == 4, digits.first != UInt8(ascii: "+"),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw fault("an unknown escape") }
    position += 4
    return unit
  }

  private static func repaired(_ string: [UInt8]) -> [UInt8] {
    if string.allSatisfy({ $0 < 0x80 }) || String(validating: string, as: UTF8.self) != nil { return string }
    return Array(String(decoding: string, as: UTF8.self).utf8)
  }
}

extension ObjectID {
  /// - Parameter hexDigits: exactly 64, lower-case; else nil.
  fileprivate init?(hexDigits: [UInt8]) {
    guard hexDigits.count == 2 * Self.count else { return nil }
    func digit(_ byte: UInt8) -> UInt8? {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
      default: nil
      }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.count)
    for index in 0..<Self.count {
      guard let high = digit(hexDigits[2 * index]), let low = digit(hexDigits[2 * index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    self = bytes.withUnsafeBytes { ObjectID(reading: $0) }
  }
}
