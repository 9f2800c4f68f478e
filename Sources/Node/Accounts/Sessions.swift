import Crypto
import Foundation
import GoudCore
import JWTKit
import Synchronization

/// Who a request comes from, as its token proves.
struct Session: Sendable {
  /// Account id, 16 bytes.
  let account: [UInt8]
  let key: EntryKey
  /// Seconds since 1970.
  let issued: Int64
  let expires: Int64
}

/// Issues and checks session tokens: JWTs (HS256) of one hour that carry the API key, sealed with the node's session
/// secret. A token is good at every node that has the same two secrets.
///
/// A token that was checked is remembered (4096 of them) by its SHA-256, with the entry key derived from it, so that a
/// busy client costs one hash a request.
final class Sessions: Sendable {
  /// The claims of a token. `key`: base64 of the sealed API key, bound to the account.
  private struct Claims: JWTPayload {
    let sub: String
    let iat: Int64
    let exp: Int64
    let key: String

    /// Nothing: `Sessions` looks at the time itself, to tell an expired token from a wrong one.
    func verify(using _: some JWTAlgorithm) {}
  }

  private struct Known: Sendable {
    let session: Session
    /// Under which it was admitted.
    let revision: UInt64
  }

  /// The secrets, and what was found good with them.
  private struct Present {
    let secrets: NodeSecrets
    let signer: JWTKeyCollection
    /// Counts how often they were replaced: what was checked with others is not remembered among these.
    let number: Int
    var known = BoundedCache<SHA256Digest, Known>(capacity: 4096)

    init(_ secrets: NodeSecrets, number: Int) async {
      self.secrets = secrets
      self.number = number
      signer = JWTKeyCollection()
      await signer.add(hmac: HMACKey(key: secrets.tokens), digestAlgorithm: .sha256)
    }
  }

  let lifetime: Int64
  private let present: Mutex<Present>
  private let now: @Sendable () -> Int64

  /// - Parameters:
  ///   - lifetime: seconds.
  ///   - now: seconds since 1970.
  init(
    _ secrets: NodeSecrets, lifetime: Int64 = 3600, now: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
  ) async {
    self.lifetime = lifetime
    self.now = now
    present = Mutex(await Present(secrets, number: 0))
  }

  var secrets: NodeSecrets { present.withLock { $0.secrets } }

  /// From here on these secrets count, and no token of the others does.
  func replace(with secrets: NodeSecrets) async {
    let renewed = await Present(secrets, number: present.withLock { $0.number } + 1)
    present.withLock { $0 = renewed }
  }

  /// Seconds since 1970, of a token that is issued now.
  var clock: Int64 { now() }

  /// - Parameter issued: seconds since 1970; nil: now.
  func issue(_ key: APIKey, account: [UInt8], issued: Int64? = nil) async throws -> String {
    let (signer, secrets) = present.withLock { ($0.signer, $0.secrets) }
    let sealed = try AES.GCM.seal(key.bytes, using: secrets.sealing, authenticating: account).combined!
    let time = issued ?? now()
    return try await signer.sign(
      Claims(sub: Hex.text(account), iat: time, exp: time + lifetime, key: sealed.base64EncodedString()))
  }

  /// The session that `token` stands for.
  /// - Parameters:
  ///   - revision: of the ledger that `admit` asks: with another one, it is asked again.
  ///   - admit: whether the account exists, and neither its key nor this session was ended.
  /// - Throws: `auth.token-invalid`, `auth.token-expired`; what `admit` throws.
  func session(
    _ token: Substring, revision: UInt64 = 0, admit: (Session) async throws -> Void
  ) async throws -> Session {
    let name = SHA256.hash(data: Array(token.utf8))
    let (remembered, signer, secrets, number) = present.withLock {
      ($0.known.value(for: name), $0.signer, $0.secrets, $0.number)
    }
    let session = if let remembered { remembered.session } else { try await check(token, signer, secrets) }
    try expired(session)
    guard remembered?.revision != revision else { return session }
    try await admit(session)
    let admitted = Known(session: session, revision: revision)
    present.withLock { if $0.number == number { $0.known.insert(admitted, for: name) } }
    try expired(session)
    return session
  }

  private func expired(_ session: Session) throws {
    guard now() < session.expires else {
      throw GoudError(.tokenExpired, "the session token has expired", hint: "log in again: POST /account/login")
    }
  }

  private func check(
    _ token: Substring, _ signer: JWTKeyCollection, _ secrets: NodeSecrets
  ) async throws -> Session {
    do {
      let claims = try await signer.verify(Array(token.utf8), as: Claims.self)
      guard let account = Hex.bytes(claims.sub), let sealed = Data(base64Encoded: claims.key) else {
        throw JWTError.malformedToken(reason: "claims")
      }
      let bytes = try AES.GCM.open(.init(combined: sealed), using: secrets.sealing, authenticating: account)
      return Session(
        account: account, key: EntryKey(APIKey(bytes: Array(bytes)), account: account), issued: claims.iat,
        expires: claims.exp)
    } catch {
      // Which of the steps failed is nobody's business.
      throw GoudError(
        .tokenInvalid, "the session token is not one of this node",
        hint: "log in here: POST /account/login (nodes share tokens when they share JWT_SECRET and SESSION_SECRET)")
    }
  }
}
