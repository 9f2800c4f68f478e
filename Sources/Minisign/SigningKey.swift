import CSodium
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A secret key. Its description shows the public one only.
///
/// A file of `minisign -G`, or a `validator_key`: 64 hexadecimal digits, an Ed25519 seed. The latter has no id of its own:
/// it is the first eight bytes of SHA-256 over `goud minisign key id v1`, a zero byte, and the public key.
public struct SigningKey: Sendable, CustomStringConvertible {
  /// What checks its signatures.
  public let verifier: VerifyingKey
  /// 64 bytes: seed and public key.
  private let secret: [UInt8]

  /// - Parameter seed: 32 bytes.
  init(seed: [UInt8], id: KeyID?) throws {
    try Sodium.ready()
    var publicKey = [UInt8](repeating: 0, count: 32)
    var secret = [UInt8](repeating: 0, count: 64)
    guard seed.count == 32, crypto_sign_seed_keypair(&publicKey, &secret, seed) == 0 else {
      throw GoudError(.signingKeyInvalid, "a seed of Ed25519 has 32 bytes", hint: "use another key")
    }
    self.secret = secret
    verifier = VerifyingKey(id: id ?? Self.derivedID(publicKey), publicKey: publicKey)
  }

  /// Reads a file.
  /// - Parameter password: asked once, when the key is protected by one. That takes up to 1 GiB of memory for some seconds,
  ///   as minisign's own does.
  /// - Throws: `signing.invalid-key`; `io.…`; what `password` throws. No message shows anything of the key.
  public init(path: String, password: () throws -> [UInt8]) throws {
    let bytes = try Descriptor.open(path, O_RDONLY | O_NONBLOCK).readAll(limit: 4096)
    let text = String(decoding: bytes, as: UTF8.self)
    do {
      let digits = text.hasSuffix("\n") ? text.dropLast() : text[...]
      if digits.utf8.count == 64, let seed = Hex.bytes(digits) {
        try self.init(seed: seed, id: nil)
      } else {
        let content = try SecretKeyFile(text).open(password)
        try self.init(seed: content.seed, id: content.id)
        guard verifier.publicKey == content.publicKey else { throw SecretKeyFile.wrong(content.isProtected) }
      }
    } catch let error as GoudError {
      throw error.within(path)
    }
  }

  /// - Parameter comment: one line, which is signed with the content.
  public func sign(_ content: [UInt8], comment: String) -> Signature {
    precondition(!comment.utf8.contains(10))
    let signature = sign(Sodium.blake2b(content, count: 64))
    return Signature(
      key: verifier.id, signature: signature, comment: comment, whole: sign(signature + Array(comment.utf8)))
  }

  private func sign(_ message: [UInt8]) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: 64)
    crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
    return signature
  }

  static func derivedID(_ publicKey: [UInt8]) -> KeyID {
    var digest = [UInt8](repeating: 0, count: 32)
    let named = Array("goud minisign key id v1\0".utf8) + publicKey
    crypto_hash_sha256(&digest, named, UInt64(named.count))
    return KeyID(digest[..<KeyID.count])
  }

  public var description: String { verifier.description }
}
