import CSodium
import GoudCore

/// The calls of libsodium that the format stands on.
enum Sodium {
  static func ready() throws {
    guard sodium_init() >= 0 else { throw GoudError(.internalFault, "libsodium cannot be used") }
  }

  /// BLAKE2b without a key.
  /// - Parameter count: bytes of the digest, 16…64.
  static func blake2b(_ content: [UInt8], count: Int) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: count)
    crypto_generichash(&digest, count, content, UInt64(content.count), nil, 0)
    return digest
  }

  /// - Parameters:
  ///   - signature: 64 bytes.
  ///   - key: 32 bytes.
  static func isGood(_ signature: [UInt8], over message: [UInt8], by key: [UInt8]) -> Bool {
    guard signature.count == 64, key.count == 32 else { return false }
    return crypto_sign_verify_detached(signature, message, UInt64(message.count), key) == 0
  }
}

/// Base64 with padding, in its one spelling.
enum Base64 {
  /// - Returns: nil for anything that the same bytes are not written as.
  static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 4), text.count < 1 << 12 else { return nil }
    var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3)
    var count = 0
    let characters = text.map { CChar(bitPattern: $0) }
    let variant = sodium_base64_VARIANT_ORIGINAL
    let done = sodium_base642bin(&bytes, bytes.count, characters, characters.count, nil, &count, nil, Int32(variant))
    guard done == 0 else { return nil }
    let found = Array(bytes[..<count])
    return Array(self.text(found).utf8) == Array(text) ? found : nil
  }

  static func text(_ bytes: [UInt8]) -> String {
    var text = [CChar](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
    sodium_bin2base64(&text, text.count, bytes, bytes.count, Int32(sodium_base64_VARIANT_ORIGINAL))
    return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
