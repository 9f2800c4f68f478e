import CSodium
import GoudCore

/// A secret key as `minisign -G` writes it: a line of comment, and base64 of 158 bytes.
///
/// | bytes | what |
/// |---|---|
/// | 2 | `Ed` |
/// | 2 | `Sc`: protected by a password, through scrypt; two zeros: not (`-W`) |
/// | 2 | `B2` |
/// | 32, 8, 8 | scrypt's salt, and its limits, little-endian |
/// | 8, 64, 32 | the key's id, the key (seed and public key), BLAKE2b-256 of `Ed`, id and key; these 104 are XORed with what scrypt gives |
struct SecretKeyFile {
  private static let count = 158
  private static let hint = "name a file of minisign -G, or a validator_key"
  /// What minisign asks of scrypt, and no file may ask more: 1 GiB of memory.
  private static let operations = UInt64(crypto_pwhash_scryptsalsa208sha256_opslimit_sensitive())
  private static let memory = UInt64(crypto_pwhash_scryptsalsa208sha256_memlimit_sensitive())

  private let bytes: [UInt8]

  init(_ text: String) throws {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    guard lines.count == 2, lines[0].hasPrefix(CommentPrefix.untrusted), let bytes = Base64.bytes(lines[1].utf8),
      bytes.count == Self.count, bytes.starts(with: Algorithm.raw.name), bytes[4..<6] == ArraySlice("B2".utf8)
    else {
      throw GoudError(.signingKeyInvalid, "it holds no secret key", hint: Self.hint)
    }
    self.bytes = bytes
  }

  /// What is in it.
  struct Content {
    let id: KeyID
    let seed: [UInt8]
    let publicKey: [UInt8]
    /// Of a key with a password.
    let isProtected: Bool
  }

  /// - Throws: `signing.invalid-key` for a wrong password, and what `password` throws.
  func open(_ password: () throws -> [UInt8]) throws -> Content {
    try Sodium.ready()
    switch Array(bytes[2..<4]) {
    case [0, 0]: return try content(Array(bytes[54...]), isProtected: false)
    case Array("Sc".utf8): return try content(try unlocked(password()), isProtected: true)
    default: throw GoudError(.signingKeyInvalid, "its key is protected in an unknown way", hint: Self.hint)
    }
  }

  private func unlocked(_ password: [UInt8]) throws -> [UInt8] {
    let (operations, memory) = (number(38), number(46))
    guard operations <= Self.operations, memory <= Self.memory else {
      throw GoudError(.signingKeyInvalid, "its password takes more work than minisign's ever does", hint: Self.hint)
    }
    var stream = [UInt8](repeating: 0, count: Self.count - 54)
    let done = password.withUnsafeBytes {
      crypto_pwhash_scryptsalsa208sha256(
        &stream, UInt64(stream.count), $0.bindMemory(to: CChar.self).baseAddress ?? UnsafePointer(bitPattern: 1)!,
        UInt64(password.count), Array(bytes[6..<38]), operations, Int(memory))
    }
    guard done == 0 else {
      throw GoudError(.ioFailed, "its password cannot be tried: that takes \(ByteCount(Int64(memory))) of memory")
    }
    return zip(stream, bytes[54...]).map { $0 ^ $1 }
  }

  /// - Parameter bytes: id, key and checksum. Minisign leaves the checksum of an unprotected key out: it is all zeros.
  private func content(_ bytes: [UInt8], isProtected: Bool) throws -> Content {
    let sum = Array(bytes[72...])
    let isGood = Sodium.blake2b(Algorithm.raw.name + bytes[..<72], count: 32) == sum
    guard isGood || !isProtected && sum.allSatisfy({ $0 == 0 }) else { throw Self.wrong(isProtected) }
    return Content(
      id: KeyID(bytes[..<8]), seed: Array(bytes[8..<40]), publicKey: Array(bytes[40..<72]), isProtected: isProtected)
  }

  static func wrong(_ isProtected: Bool) -> GoudError {
    GoudError(
      .signingKeyInvalid, isProtected ? "the password is not the key's" : "the key is damaged",
      hint: "try again, or name another key")
  }

  private func number(_ offset: Int) -> UInt64 {
    bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
