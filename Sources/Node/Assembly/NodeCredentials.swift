public import Chain
public import Foundation
import GoudCore

/// What a tool needs to be a node towards its peers: a certificate that the validator's key vouches for, and its key.
public struct NodeCredentials: Sendable {
  /// The validator's name in genesis.
  public let node: String
  /// The last moment at which peers take it.
  public let end: Date
  /// PEM: the certificate, then the validator's own that signed it.
  public let certificates: String
  /// PEM, PKCS #8. A secret.
  public let key: String

  /// - Parameter validator: the key of one of the validators of `genesis`.
  /// - Throws: `chain.invalid-key` when it is none of them.
  public init(genesis: Genesis, chain: BlockHash, key validator: ValidatorKey, now: Date = Date()) throws {
    guard let name = genesis.validators.first(where: { $0.publicKey == validator.publicKey })?.name else {
      throw GoudError(
        .chainKeyInvalid, "the volume's validator_key is not that of any validator of chain \(chain.hex.prefix(12))",
        hint: "put back the key that was made when the network was founded")
    }
    let made = try PeerCertificate(node: name, chain: chain.bytes, key: validator, now: now)
    node = name
    end = now + PeerCertificate.lifetime.inSeconds
    certificates = try made.certificatePEM()
    key = made.keyPEM
  }
}
