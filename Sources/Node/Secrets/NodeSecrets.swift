import Crypto
public import Foundation
import GoudCore
import Layout

/// What a node signs and seals sessions with. `jwt_secret` and `session_secret` lie in the root of its volume: 64
/// hexadecimal digits (32 random bytes) and a newline, mode 0600, created at the first start and kept from then on.
///
/// | variable | replaces | default | range | secret |
/// |---|---|---|---|---|
/// | `JWT_SECRET` | `jwt_secret` | the file | text, 32 bytes or more | yes |
/// | `SESSION_SECRET` | `session_secret` | the file | text, 32 bytes or more | yes |
///
/// A variable that is set is used as it is, and its file is neither read nor created. An empty one counts as not set. Files
/// that are replaced (`goud secrets rotate`) are taken up while the node runs: `SecretsWatch`.
public struct NodeSecrets: Sendable {
  /// Signs session tokens (HMAC-SHA-256): the secret's text, so that other programs can check a token with the file.
  let tokens: SymmetricKey
  /// Seals the API key inside a session token (AES-256-GCM), derived from the secret's text.
  let sealing: SymmetricKey
  private let volume: String
  private let environment: [String: String]

  /// Reads the secrets of the volume at `volume`, and creates those that are missing.
  /// - Throws: `secret.invalid`, `config.invalid-value`, `io.*`; no message shows anything of a secret.
  public init(volume: String, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    let jwt = try Self.secret(VolumeName.jwtSecret, variable: "JWT_SECRET", volume, environment)
    let session = try Self.secret(VolumeName.sessionSecret, variable: "SESSION_SECRET", volume, environment)
    self.volume = volume
    self.environment = environment.filter { ["JWT_SECRET", "SESSION_SECRET"].contains($0.key) }
    tokens = SymmetricKey(data: jwt)
    sealing = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: session), info: Array("goud session seal v1".utf8), outputByteCount: 32)
  }

  /// The secrets as they are now; nil when they are these.
  /// - Throws: what reading them throws; these stay good then.
  func renewed() throws -> NodeSecrets? {
    let present = try NodeSecrets(volume: volume, environment: environment)
    return present.tokens == tokens && present.sealing == sealing ? nil : present
  }

  private static func secret(
    _ name: String, variable: String, _ volume: String, _ environment: [String: String]
  ) throws -> [UInt8] {
    guard let text = environment[variable], !text.isEmpty else {
      return try SecretFile("\(volume)/\(name)", consequence: "sessions end").content()
    }
    guard text.utf8.count >= SecretFile.least else {
      throw GoudError(
        .configInvalid, "\(variable) is \(text.utf8.count) bytes long; a secret has at least \(SecretFile.least)",
        hint: "make one with: openssl rand -hex 32")
    }
    return Array(text.utf8)
  }
}
