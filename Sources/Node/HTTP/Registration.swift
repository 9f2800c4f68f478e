import Crypto
import GoudCore

/// Who may make an account.
public enum Registration: Sendable, Hashable {
  /// Whoever asks.
  case open
  /// Who shows the token whose SHA-256 this is, 32 bytes. A node is told no more than that: what it is told stands on its
  /// command line and in a container's settings, and out of 32 random bytes' digest nobody makes the token.
  case token(digest: [UInt8])
  case closed

  /// - Parameter text: `open`, `closed`, or `sha256:` and 64 hexadecimal digits.
  /// - Throws: `usage.invalid` for anything else.
  public init(parsing text: String) throws {
    switch text {
    case "open": self = .open
    case "closed": self = .closed
    default:
      guard text.hasPrefix("sha256:"), let digest = Hex.bytes(text.dropFirst(7)), digest.count == 32 else {
        throw GoudError(.usage, "'\(text)' is not one of open, closed, sha256:DIGEST")
      }
      self = .token(digest: digest)
    }
  }

  /// - Parameter field: the request's `Authorization`.
  /// - Throws: `auth.registration-closed`, `auth.registration-token`.
  func admit(_ field: String?) throws {
    switch self {
    case .open: return
    case .closed:
      throw GoudError(
        .registrationClosed, "no accounts are made here", hint: "ask the operator; REGISTRATION is closed")
    case .token(let digest):
      let words = (field ?? "").split(separator: " ", maxSplits: 1)
      // Digests are compared in a time that says nothing about where they differ.
      guard words.count == 2, words[0].lowercased() == "bearer",
        SHA256.hash(data: Array(words[1].utf8)) == digest
      else {
        throw GoudError(
          .registrationToken, "a new account needs the registration token",
          hint: "send Authorization: Bearer TOKEN; the operator has it, in registration_token")
      }
    }
  }
}
