import CSodium

/// Ed25519 as libsodium does it, for the verifier: not the implementation that the nodes sign and check with, and a third
/// faster, which is most of the time that proving a ledger takes.
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
  func isGood(_ signature: UnsafeRawBufferPointer, over hash: [UInt8]) -> Bool {
    guard signature.count == 64, let bytes = signature.bindMemory(to: UInt8.self).baseAddress else { return false }
    return crypto_sign_verify_detached(bytes, hash, UInt64(hash.count), key) == 0
  }
}
