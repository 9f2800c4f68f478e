import Crypto

/// Who this node is among its network's validators, and how it proves it.
public struct NodeIdentity: Sendable {
  /// A validator of genesis.
  public struct Validator: Sendable, Hashable {
    public let name: String
    /// Ed25519, 32 bytes.
    public let publicKey: [UInt8]

    public init(name: String, publicKey: [UInt8]) {
      self.name = name
      self.publicKey = publicKey
    }
  }

  public let name: String
  /// The hash of genesis, 32 bytes.
  public let chain: [UInt8]
  public let schemaVersion: UInt32
  /// In genesis' order; the first is the authority.
  public let validators: [Validator]
  private let key: Curve25519.Signing.PrivateKey

  /// - Parameter key: the private key of the validator `name`.
  public init(
    name: String, chain: [UInt8], schemaVersion: UInt32, validators: [Validator], key: Curve25519.Signing.PrivateKey
  ) {
    self.name = name
    self.chain = chain
    self.schemaVersion = schemaVersion
    self.validators = validators
    self.key = key
  }

  public var authority: String { validators[0].name }
  public var isAuthority: Bool { name == authority }

  /// Ed25519 over `preimage`, 64 bytes.
  func sign(_ preimage: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: preimage)) }

  /// - Throws: `peer.unknown-node`, `peer.not-authentic`.
  func check(_ signature: some Collection<UInt8>, over preimage: [UInt8], by node: String) throws {
    guard let validator = validators.first(where: { $0.name == node }) else {
      throw PeerFault(.unknownNode, "\"\(node.firstLine)\" is not a validator of this chain")
    }
    let key = try? Curve25519.Signing.PublicKey(rawRepresentation: validator.publicKey)
    guard key?.isValidSignature(Array(signature), for: preimage) == true else {
      throw PeerFault(.notAuthentic, "the signature is not that of \(node)")
    }
  }
}
