package import Crypto
import Foundation
import GoudCore

/// A validator's Ed25519 key (RFC 8032). On disk: the 32-byte seed as 64 hexadecimal digits and a line feed, mode 0600.
///
/// Its description shows the public key only.
public struct ValidatorKey: Sendable, CustomStringConvertible {
  public static let publicCount = 32
  public static let signatureCount = 64

  private let key: Curve25519.Signing.PrivateKey
  /// 32 bytes.
  public let publicKey: [UInt8]

  private init(_ key: Curve25519.Signing.PrivateKey) {
    self.key = key
    publicKey = Array(key.publicKey.rawRepresentation)
  }

  /// A new key.
  public static func generate() -> ValidatorKey { ValidatorKey(Curve25519.Signing.PrivateKey()) }

  /// - Parameter seed: 32 bytes.
  public init(seed: [UInt8]) throws {
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
      throw GoudError(.chainKeyInvalid, "a validator key has \(seed.count) bytes instead of 32")
    }
    self.init(key)
  }

  /// - Parameter fileText: the content of a `validator_key` file; a line feed at its end may be missing.
  /// - Throws: `chain.invalid-key`; the error repeats nothing of the text.
  public init(fileText: String) throws {
    let digits = fileText.hasSuffix("\n") ? fileText.dropLast() : fileText[...]
    guard digits.utf8.count == 64, let seed = Hex.bytes(digits) else {
      throw GoudError(
        .chainKeyInvalid, "the validator key is not 64 hexadecimal digits",
        hint: "put back the file that was made when the network was founded")
    }
    try self.init(seed: seed)
  }

  /// Reads a `validator_key` file.
  public init(path: String) throws {
    let file = try Descriptor.open(path, O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    do {
      try self.init(fileText: String(decoding: bytes[..<count], as: UTF8.self))
    } catch let error as GoudError {
      throw error.within(path)
    }
  }

  /// Writes the file, durably, mode 0600.
  /// - Parameter replacing: false: fail with `archive.exists` rather than replace a key.
  public func write(to path: String, replacing: Bool = false) throws {
    try AtomicFile.write(Array(fileText.utf8), to: path, mode: 0o600, replacing: replacing)
  }

  /// What the file holds. A secret.
  public var fileText: String { Hex.text(key.rawRepresentation) + "\n" }

  /// - Returns: 64 bytes. Signing twice may give two signatures; both are good.
  public func sign(_ message: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: message)) }

  /// Whether `signature` over `message` was made with the key behind `publicKey`. False for anything malformed.
  public static func verify(_ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
    return key.isValidSignature(signature, for: message)
  }

  /// The key itself, for what signs in a form of its own: certificates. A secret.
  package var signing: Curve25519.Signing.PrivateKey { key }

  public var description: String { "validator \(Hex.text(publicKey))" }
}
