import CSodium

/// Whether blocks are signed with one key: Ed25519 as libsodium does it. Not the implementation that signs
/// (`ValidatorKey`), so that two must agree on every block, and a third faster, which is most of the time that catching
/// up and proving a ledger take.
struct SignatureCheck: Sendable {
  /// 32 bytes.
  private let key: [UInt8]

  /// - Parameter key: 32 bytes.
  /// - Returns: nil when they are no key, or libsodium cannot be used.
  init?(key: [UInt8]) {
    guard sodium_init() >= 0, key.count == 32, crypto_core_ed25519_is_valid_point(key) == 1 else { return nil }
    self.key = key
  }

  /// - Parameters:
  ///   - signature: 64 bytes.
  ///   - hash: what was signed.
  func isGood(_ signature: [UInt8], over hash: [UInt8]) -> Bool {
    signature.withUnsafeBytes { isGood($0, over: hash) }
  }

  func isGood(_ signature: UnsafeRawBufferPointer, over hash: [UInt8]) -> Bool {
    guard signature.count == 64, let bytes = signature.bindMemory(to: UInt8.self).baseAddress else { return false }
    return crypto_sign_verify_detached(bytes, hash, UInt64(hash.count), key) == 0
  }
}
