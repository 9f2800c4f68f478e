public import Chain
import Foundation
import GoudCore
import Replication

/// Who this node is among its network's validators, and how it proves it.
public struct NodeIdentity: Sendable {
  public let name: String
  /// The hash of genesis, 32 bytes.
  public let chain: [UInt8]
  public let genesis: Genesis
  private let key: ValidatorKey
  /// What it shows its peers.
  let credentials: PeerCredentials

  /// - Parameters:
  ///   - chain: the hash of `genesis`' block.
  ///   - key: the private key of the validator `name`.
  ///   - clock: by which certificates are made and judged.
  init(
    name: String, genesis: Genesis, chain: BlockHash, key: ValidatorKey,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.name = name
    self.genesis = genesis
    self.chain = chain.bytes
    self.key = key
    credentials = PeerCredentials(node: name, chain: chain.bytes, key: key, clock: clock)
  }

  /// - Throws: `chain.invalid-key` when genesis has no such validator, or another key for it.
  public static func checked(name: String, rules: BlockRules, key: ValidatorKey) throws -> NodeIdentity {
    guard let validator = rules.genesis.validators.first(where: { $0.name == name }) else {
      let names = rules.genesis.validators.map(\.name).joined(separator: ", ")
      throw GoudError(
        .chainKeyInvalid, "\(name) is not a validator of chain \(rules.chain.hex.prefix(12)): it has \(names)",
        hint: "name one of them with --name, or another volume with --data")
    }
    guard validator.publicKey == key.publicKey else {
      throw GoudError(
        .chainKeyInvalid, "the volume's validator_key is not that of \(name) in genesis",
        hint: "put back the key that was made for \(name) when the network was founded")
    }
    return NodeIdentity(name: name, genesis: rules.genesis, chain: rules.chain, key: key)
  }

  public var schemaVersion: UInt32 { genesis.schemaVersion }
  public var authority: String { genesis.authority.name }
  public var isAuthority: Bool { name == authority }
  /// In genesis' order; the first is the authority.
  public var validators: [String] { genesis.validators.map(\.name) }

  /// Ed25519 over `preimage`, 64 bytes.
  func sign(_ preimage: [UInt8]) throws -> [UInt8] { try key.sign(preimage) }

  /// - Throws: `peer.unknown-node`, `peer.signature`.
  func check(_ signature: some Collection<UInt8>, over preimage: [UInt8], by node: String) throws {
    guard let validator = genesis.validators.first(where: { $0.name == node }) else {
      throw PeerFault(.unknownNode, "\"\(node.firstLine)\" is not a validator of this chain")
    }
    guard ValidatorKey.verify(Array(signature), of: preimage, by: validator.publicKey) else {
      throw PeerFault(.signature, "the signature is not that of \(node)")
    }
  }

  /// Makes the block that follows `previous`, signed by this node.
  func makeBlock(after previous: BlockReference, epoch: UInt64, time: UInt64, entries: [[UInt8]]) throws -> Block {
    try Block(
      after: previous, chain: BlockHash(chain) ?? .zero, epoch: epoch, time: time, entries: entries, key: key)
  }
}
