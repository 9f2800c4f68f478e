import CSodium
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A public key, as minisign writes it: base64 of `Ed`, the key's id (8 bytes) and an Ed25519 public key (32).
public struct VerifyingKey: Sendable, Hashable, CustomStringConvertible {
  public let id: KeyID
  let publicKey: [UInt8]

  init(id: KeyID, publicKey: [UInt8]) {
    self.id = id
    self.publicKey = publicKey
  }

  /// - Parameter text: the base64 alone (`RWQ…`), 56 characters.
  /// - Returns: nil when it is no key.
  public init?(base64 text: some StringProtocol) {
    guard let bytes = Base64.bytes(text.utf8), bytes.count == 42, bytes.starts(with: Algorithm.raw.name),
      (try? Sodium.ready()) != nil, crypto_core_ed25519_is_valid_point(Array(bytes[10...])) == 1
    else { return nil }
    self.init(id: KeyID(bytes[2..<10]), publicKey: Array(bytes[10...]))
  }

  /// - Parameter text: what a file of `minisign -G` holds (a line of comment, and the key), or the key alone.
  /// - Returns: nil when it is no key.
  public init?(fileText text: String) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    if lines.count == 2, lines[0].hasPrefix(CommentPrefix.untrusted) { lines.removeFirst() }
    guard lines.count == 1 else { return nil }
    self.init(base64: lines[0])
  }

  /// A key itself, or the path of the file that it is in.
  /// - Throws: `signing.invalid-key`; `io.…` when there is no such file.
  public init(_ word: String) throws {
    if let key = VerifyingKey(base64: word) {
      self = key
      return
    }
    let bytes: [UInt8]
    do {
      bytes = try Descriptor.open(word, O_RDONLY | O_NONBLOCK).readAll(limit: 4096)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      throw GoudError(
        .signingKeyInvalid, "'\(word)' is neither a public key of minisign nor a file that holds one",
        hint: "pass the file that minisign -G made (minisign.pub), or the line RW… in it")
    }
    guard let key = VerifyingKey(fileText: String(decoding: bytes, as: UTF8.self)) else {
      throw GoudError(
        .signingKeyInvalid, "\(word) holds no public key of minisign",
        hint: "pass the file that minisign -G made (minisign.pub), or the line RW… in it", context: ["path": word])
    }
    self = key
  }

  /// What `minisign -P` takes.
  public var base64: String { Base64.text(Algorithm.raw.name + id.bytes + publicKey) }

  /// What a file of `minisign -G` holds.
  public var fileText: String { "\(CommentPrefix.untrusted)minisign public key \(id)\n\(base64)\n" }

  public var description: String { "minisign key \(id)" }
}

/// What the signature is of.
enum Algorithm {
  /// The content itself.
  case raw
  /// BLAKE2b-512 of it.
  case hashed

  /// The two letters in a file.
  var name: [UInt8] { Array((self == .raw ? "Ed" : "ED").utf8) }
}

enum CommentPrefix {
  static let untrusted = "untrusted comment: "
  static let trusted = "trusted comment: "
}
