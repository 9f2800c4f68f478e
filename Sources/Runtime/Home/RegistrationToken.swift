import GoudCore
import Layout

/// What new accounts are made with while `REGISTRATION` is `token`: `$GOUD_HOME/<environment>/registration_token`, mode
/// 0600, 32 random bytes as hexadecimal digits. An operator may put another text there, of 32 bytes or more.
///
/// Nodes never see it. They are told its SHA-256 when they start, so that neither a node's user nor a container needs to
/// read the file, and neither a command line nor an environment holds the token.
enum RegistrationToken {
  /// Makes the file when it is missing.
  /// - Returns: as `goud node run --registration` takes it.
  /// - Throws: `secret.invalid` when others may read it, or it is too short.
  static func digest(_ home: NetworkHome) throws -> String {
    let file = SecretFile(home.registrationToken, consequence: "the old one makes no more accounts")
    return "sha256:\(Digest.hex(of: try file.content()))"
  }
}
