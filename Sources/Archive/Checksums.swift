import GoudCore

/// The form of `sha256sum`, read and written by bytes: a name may hold anything but a slash and a zero.
///
/// A file with holes has a line that `sha256sum -c` takes for a comment: `#holes `, and the rest as usual. Its digest is
/// that of `HoleDigest`: nobody has to read a hole of a hundred gigabytes to check what is beside it.
enum Checksums {
  struct Line {
    let name: String
    let sha256: String
    let hasHoles: Bool
  }

  private static let holes = Array("#holes ".utf8)

  static func line(ofHoles sha256: String, _ name: String) -> [UInt8] { holes + line(sha256, name) }

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

  /// A line of `CHECKSUMS.sha256`, text or binary marker alike.
  /// - Parameter bytes: without the newline.
  /// - Returns: nil for an empty line.
  /// - Throws: `archive.corrupt` for a line that is none.
  static func read(_ bytes: ArraySlice<UInt8>) throws -> Line? {
    if bytes.isEmpty { return nil }
    let hasHoles = bytes.starts(with: holes)
    guard let (name, digest) = parse(line: hasHoles ? bytes.dropFirst(holes.count) : bytes) else {
      throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 has a line that is none")
    }
    return Line(name: name, sha256: digest, hasHoles: hasHoles)
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

/// The digest of a file with holes: SHA-256 over 32 bytes, the SHA-256 of its bytes without the holes, and then numbers
/// of 64 bits, big-endian: where each extent begins and ends, the file's size, and the number of extents.
enum HoleDigest {
  static func hex(data: String, _ extents: [Range<Int64>], size: Int64) -> String {
    var bytes = Hex.bytes(data) ?? []
    for number in extents.flatMap({ [$0.lowerBound, $0.upperBound] }) + [size, Int64(extents.count)] {
      withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
    return Digest.hex(of: bytes)
  }
}
