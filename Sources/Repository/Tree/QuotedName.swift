/// A file name as a tree writes it, before it is escaped as JSON: Go's `strconv.Quote` without the quotes around it.
/// What does not print, bytes that are no UTF-8, `"` and `\` are escaped.
enum QuotedName {
  static func quote(_ name: [UInt8]) -> [UInt8] {
    if name.allSatisfy(isPlain) { return name }
    var quoted: [UInt8] = []
    quoted.reserveCapacity(name.count + 16)
    var index = 0
    while index < name.count {
      if let (scalar, length) = UTF8Scalar.read(name, at: index) {
        append(scalar, name[index..<index + length], to: &quoted)
        index += length
      } else {
        quoted.append(contentsOf: "\\x\(hex(UInt32(name[index]), 2))".utf8)
        index += 1
      }
    }
    return quoted
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private static func append(_ scalar: Unicode.Scalar, _ bytes: ArraySlice<UInt8>, to quoted: inout [UInt8]) {
    if scalar == "\"" || scalar == "\\" { return quoted.append(contentsOf: [UInt8(ascii: "\\"), bytes.first ?? 0]) }
    if prints(scalar) { return quoted.append(contentsOf: bytes) }
    if let letter = letters.first(where: { $0.scalar == scalar })?.letter {
      return quoted.append(contentsOf: [UInt8(ascii: "\\"), letter])
    }
    let value = scalar.value
    let escape =
      value < 0x20 || value == 0x7f
      ? "\\x\(hex(value, 2))" : value < 0x10000 ? "\\u\(hex(value, 4))" : "\\U\(hex(value, 8))"
    quoted.append(contentsOf: escape.utf8)
  }

  private static func hex(_ value: UInt32, _ digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }

  /// Escapes with a letter of their own.
  private static let letters: [(scalar: Unicode.Scalar, letter: UInt8)] = [
    ("\u{07}", UInt8(ascii: "a")), ("\u{08}", UInt8(ascii: "b")), ("\u{0c}", UInt8(ascii: "f")),
    ("\n", UInt8(ascii: "n")), ("\r", UInt8(ascii: "r")), ("\t", UInt8(ascii: "t")), ("\u{0b}", UInt8(ascii: "v")),
  ]

  /// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the plain space. Go 1.21 and later, with
  /// which restic 0.16 and later are built, knows Unicode 15.0; a scalar that came after it is escaped.
  static func prints(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value >= 0x20 && scalar.value < 0x7f }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
      return false
    default:
      guard let age = scalar.properties.age else { return false }
      return (age.major, age.minor) <= (15, 0)
    }
  }

  /// - Returns: nil when it is nothing that `quote` writes, nor anything else that Go takes between `"`.
  static func unquote(_ quoted: [UInt8]) -> [UInt8]? {
    if quoted.allSatisfy({ isPlain($0) || $0 >= 0x80 }) { return quoted }
    var name: [UInt8] = []
    var rest = quoted[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\") {
        guard let bytes = unescape(&rest) else { return nil }
        name.append(contentsOf: bytes)
      } else {
        guard byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\n") else { return nil }
        name.append(byte)
      }
    }
    return name
  }

  /// - Parameter rest: begins behind the backslash.
  private static func unescape(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    let escape = rest
    guard let letter = rest.popFirst() else { return nil }
    switch letter {
    case UInt8(ascii: "\\"), UInt8(ascii: "\""): return [letter]
    case UInt8(ascii: "x"): return number(&rest, 2, radix: 16).flatMap { UInt8(exactly: $0) }.map { [$0] }
    case UInt8(ascii: "u"): return number(&rest, 4, radix: 16).flatMap(scalar)
    case UInt8(ascii: "U"): return number(&rest, 8, radix: 16).flatMap(scalar)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      rest = escape
      return number(&rest, 3, radix: 8).flatMap { UInt8(exactly: $0) }.map { [$0] }
    default:
      guard let scalar = letters.first(where: { $0.letter == letter })?.scalar else { return nil }
      return [UInt8(scalar.value)]
    }
  }

  private static func number(_ rest: inout ArraySlice<UInt8>, _ digits: Int, radix: Int) -> UInt32? {
    let text = rest.prefix(digits)
    rest = rest.dropFirst(digits)
    guard text.count == digits, text.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else {
      return nil
    }
    return UInt32(String(decoding: text, as: UTF8.self), radix: radix)
  }

  private static func scalar(_ value: UInt32) -> [UInt8]? {
    Unicode.Scalar(value).map { Array(String(Character($0)).utf8) }
  }
}
