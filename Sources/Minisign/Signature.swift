import GoudCore

/// A detached signature, as minisign writes it: four lines, of which the first says nothing that counts.
///
/// ```
/// untrusted comment: …
/// base64 of: `Ed` or `ED`, the key's id (8 bytes), Ed25519 over the content or over its BLAKE2b-512 (64 bytes)
/// trusted comment: …
/// base64 of: Ed25519 over the signature above (64 bytes) and the trusted comment
/// ```
public struct Signature: Sendable {
  /// A file is not longer, in bytes.
  public static let limit = 16 << 10

  /// Of the key that it is said to be made with.
  public let key: KeyID
  let algorithm: Algorithm
  let signature: [UInt8]
  let comment: [UInt8]
  let whole: [UInt8]

  /// - Parameter file: what the file holds. Nothing is checked but its form: `comment(of:by:)` does that.
  /// - Returns: nil when it has another form.
  public init?(file: [UInt8]) {
    let text = file.last == 10 ? file.dropLast() : file[...]
    let lines = text.split(separator: 10, omittingEmptySubsequences: false)
    guard file.count <= Self.limit, lines.count == 4, lines[0].starts(with: CommentPrefix.untrusted.utf8),
      let signed = Base64.bytes(lines[1]), signed.count == 74,
      let algorithm = [Algorithm.raw, .hashed].first(where: { signed.starts(with: $0.name) }),
      lines[2].starts(with: CommentPrefix.trusted.utf8), let whole = Base64.bytes(lines[3]), whole.count == 64
    else { return nil }
    key = KeyID(signed[2..<10])
    self.algorithm = algorithm
    signature = Array(signed[10...])
    comment = Array(lines[2].dropFirst(CommentPrefix.trusted.utf8.count))
    self.whole = whole
  }

  init(key: KeyID, signature: [UInt8], comment: String, whole: [UInt8]) {
    self.key = key
    algorithm = .hashed
    self.signature = signature
    self.comment = Array(comment.utf8)
    self.whole = whole
  }

  /// What the signer says beside the content.
  /// - Returns: nil when the content, or what is said, was not signed with this key.
  public func comment(of content: [UInt8], by verifier: VerifyingKey) -> String? {
    guard verifier.id == key, (try? Sodium.ready()) != nil else { return nil }
    let message = algorithm == .raw ? content : Sodium.blake2b(content, count: 64)
    guard Sodium.isGood(signature, over: message, by: verifier.publicKey),
      Sodium.isGood(whole, over: signature + comment, by: verifier.publicKey)
    else { return nil }
    return String(decoding: comment, as: UTF8.self)
  }

  /// What the file holds.
  public var file: [UInt8] {
    let lines = [
      Array("\(CommentPrefix.untrusted)signature from goud, key \(key)".utf8),
      Array(Base64.text(algorithm.name + key.bytes + signature).utf8),
      Array(CommentPrefix.trusted.utf8) + comment,
      Array(Base64.text(whole).utf8),
    ]
    return lines.flatMap { $0 + [10] }
  }
}
