import GoudCore

/// The form of `sha256sum`, read and written by bytes: a name may hold anything but a slash and a zero.
enum Checksums {
  /// One line, with coreutils' escapes for names that hold a newline, a carriage return or a backslash.
  static func line(_ sha256: String, _ name: String) -> [UInt8] {
    var escaped: [UInt8] = []
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): escaped += Array("\\\\".utf8)
      case UInt8(ascii: "\n"): escaped += Array("\\n".utf8)
      case UInt8(ascii: "\r"): escaped += Array("\\r".utf8)
      default: escaped.append(byte)
      }
    }
    let mark = escaped.count == name.utf8.count ? "" : "\\"
    return Array("\(mark)\(sha256)  ".utf8) + escaped + [UInt8(ascii: "\n")]
  }

  /// Names and digests of a whole file in this form, text or binary marker alike.
  /// - Throws: `archive.corrupt` for a line that is none, and for a name that comes twice.
  static func parse(_ bytes: [UInt8]) throws -> [(name: String, sha256: String)] {
    var seen: Set<[UInt8]> = []
    return try bytes.split(separator: UInt8(ascii: "\n")).map { line in
      guard let (name, digest) = parse(line: line) else {
        throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 has a line that is none")
      }
      guard seen.insert(name.nameBytes).inserted else {
        throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 names \(name) twice")
      }
      return (name, digest)
    }
  }

  /// - Parameter line: without its newline.
  static func parse(line: ArraySlice<UInt8>) -> (name: String, sha256: String)? {
    let isEscaped = line.first == UInt8(ascii: "\\")
    let body = isEscaped ? line.dropFirst() : line
    let digest = String(decoding: body.prefix(64), as: UTF8.self)
    let rest = body.dropFirst(64)
    let separators: [[UInt8]] = [Array("  ".utf8), Array(" *".utf8)]
    guard digest.isDigest, rest.count > 2, separators.contains(Array(rest.prefix(2))) else { return nil }
    guard let bytes = isEscaped ? unescape(rest.dropFirst(2)) : Array(rest.dropFirst(2)),
      let name = String(validating: bytes, as: UTF8.self)
    else { return nil }
    return (name, digest)
  }

  private static func unescape(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "\\"): result.append(UInt8(ascii: "\\"))
      case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
      default: return nil
      }
    }
    return result
  }
}

extension String {
  /// 64 lower-case hexadecimal digits.
  var isDigest: Bool { utf8.count == 64 && utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) } }
}
