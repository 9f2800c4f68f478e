import Chain
import Crypto
import Foundation
import GoudCore
import SwiftASN1
import X509

/// A certificate for TLS that a validator's key vouches for.
///
/// TLS libraries do not offer Ed25519 in their handshakes, so what is shown there is a P-256 key that lives for days; the
/// validator's key of genesis signs its certificate, and with it the chain (O), the node (CN) and the time. A second
/// certificate, the validator's own, completes the chain for tools that check one by themselves.
struct PeerCertificate: Sendable {
  /// From the moment it is made.
  static let lifetime = Duration.seconds(7 * 86_400)
  /// It is good from so long before it was made: clocks may differ by as much.
  static let leeway = Duration.seconds(86_400)
  /// A process makes another one after so long.
  static let renewal = Duration.seconds(86_400)

  /// The leaf, then the validator's own.
  let chain: [Certificate]
  let key: P256.Signing.PrivateKey
  let made: Date

  init(node: String, chain: [UInt8], key validator: ValidatorKey, now: Date = Date()) throws {
    let issuer = try Self.issuer(node, chain, validator)
    let own = P256.Signing.PrivateKey()
    let leaf = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: .init(own.publicKey),
      notValidBefore: now - Self.leeway.inSeconds, notValidAfter: now + Self.lifetime.inSeconds,
      issuer: issuer.subject, subject: try Self.name(node, chain), signatureAlgorithm: .ed25519,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true))
        try ExtendedKeyUsage([.serverAuth, .clientAuth])
        // Nothing here goes by them; tools that check a server's name need one.
        SubjectAlternativeNames([
          .dnsName(node), .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
        ])
        AuthorityKeyIdentifier(keyIdentifier: Self.keyIdentifier(validator.publicKey))
      },
      issuerPrivateKey: .init(validator.signing))
    (self.chain, self.key, made) = ([leaf, issuer], own, now)
  }

  /// The same every time but for its signature: whoever trusts it for a validator need not learn it again.
  private static func issuer(_ node: String, _ chain: [UInt8], _ validator: ValidatorKey) throws -> Certificate {
    let name = try name(node, chain, unit: "validator")
    return try Certificate(
      version: .v3, serialNumber: .init(bytes: [1] + validator.publicKey.prefix(15)),
      publicKey: .init(validator.signing.publicKey), notValidBefore: Date(timeIntervalSince1970: 0),
      // RFC 5280: 99991231235959Z, no end.
      notValidAfter: Date(timeIntervalSince1970: 253_402_300_799), issuer: name, subject: name,
      signatureAlgorithm: .ed25519,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
        Critical(KeyUsage(keyCertSign: true))
        SubjectKeyIdentifier(keyIdentifier: keyIdentifier(validator.publicKey))
      },
      issuerPrivateKey: .init(validator.signing))
  }

  private static func name(_ node: String, _ chain: [UInt8], unit: String? = nil) throws -> DistinguishedName {
    try DistinguishedName {
      OrganizationName(Hex.text(chain))
      if let unit { OrganizationalUnitName(unit) }
      CommonName(node)
    }
  }

  private static func keyIdentifier(_ publicKey: [UInt8]) -> ArraySlice<UInt8> {
    Array(SHA256.hash(data: publicKey)).prefix(20)
  }

  /// Of both certificates, the leaf first.
  func certificatePEM() throws -> String {
    try chain.map { try $0.serializeAsPEM().pemString + "\n" }.joined()
  }

  /// A secret.
  var keyPEM: String { key.pemRepresentation + "\n" }
}
