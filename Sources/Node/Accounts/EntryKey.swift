import Crypto
import GoudCore

/// The key that an account's entries are sealed with: HKDF-SHA-256 over the API key's bytes, salted with the account's
/// id. Nothing that is stored on any node leads to it.
///
/// A sealed piece is AES-256-GCM: nonce (12 random bytes), ciphertext, tag (16). What it is, whose, and which entry's,
/// is bound as associated data: a piece moved anywhere else does not open. Random nonces are good for 2^32 pieces under
/// one key, two an entry.
struct EntryKey: Sendable {
  enum Piece: UInt8 {
    case label = 1
    case payload = 2
  }

  private let key: SymmetricKey
  private let account: [UInt8]

  /// - Parameter account: its id, 16 bytes.
  init(_ apiKey: APIKey, account: [UInt8]) {
    self.account = account
    key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: apiKey.bytes), salt: account, info: Array("goud entry v1".utf8),
      outputByteCount: 32)
  }

  /// - Parameter entry: its id, 16 bytes.
  func seal(_ text: some Sequence<UInt8>, _ piece: Piece, entry: [UInt8]) throws -> [UInt8] {
    let box = try AES.GCM.seal(Array(text), using: key, authenticating: bound(piece, entry))
    return Array(box.combined!)  // nil only for nonces of another length
  }

  /// - Throws: `database.corrupt` when this is not what was sealed, whole and for this entry.
  func open(_ sealed: [UInt8], _ piece: Piece, entry: [UInt8]) throws -> [UInt8] {
    do {
      return Array(try AES.GCM.open(.init(combined: sealed), using: key, authenticating: bound(piece, entry)))
    } catch {
      throw GoudError(
        .databaseCorrupt, "the \(piece) of entry \(Hex.text(entry)) does not open with the account's key",
        context: ["entry": Hex.text(entry)], cause: error)
    }
  }

  private func bound(_ piece: Piece, _ entry: [UInt8]) -> [UInt8] { [piece.rawValue] + account + entry }
}
