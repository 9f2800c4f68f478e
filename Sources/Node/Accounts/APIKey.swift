import Crypto
import GoudCore

/// What an account is opened with: 32 random bytes, shown once, stored nowhere.
///
/// As text, 77 characters: `goud_`, the bytes as 64 hexadecimal digits, and 8 digits of a checksum over them, so that a
/// key that was mistyped or cut is told apart from one that is unknown.
struct APIKey: Sendable {
  static let prefix = "goud_"
  let bytes: [UInt8]

  /// A new one, from the system's random numbers.
  init() { bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) } }

  /// One that was taken apart before.
  /// - Parameter bytes: 32.
  init(bytes: [UInt8]) { self.bytes = bytes }

  /// - Throws: `auth.key-malformed` for text that no `text` ever was.
  init(_ text: String) throws {
    guard text.hasPrefix(Self.prefix), let all = Hex.bytes(text.dropFirst(Self.prefix.count)), all.count == 36,
      Self.checksum(of: all.prefix(32)) == all.suffix(4)
    else {
      throw GoudError(
        .keyMalformed, "this is not an API key: a character is wrong, missing or too many",
        hint: "give it as it was shown: goud_ and 72 hexadecimal digits")
    }
    bytes = Array(all.prefix(32))
  }

  var text: String { Self.prefix + Hex.text(bytes) + Hex.text(Self.checksum(of: bytes[...])) }

  /// What the chain keeps of it: SHA-256 of the text, as `printf %s KEY | sha256sum` shows it.
  var hash: [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }

  /// A check for slips, not a secret: SHA-256 of `goud api key v1` and the bytes, the first four.
  private static func checksum(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    Array(SHA256.hash(data: Array("goud api key v1".utf8) + bytes))[..<4]
  }
}
