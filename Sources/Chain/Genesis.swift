import Foundation
import GoudCore
import SwiftProtobuf

/// What a chain is founded on: who may make blocks, and a nonce that makes it unlike any other.
public struct Genesis: Sendable, Hashable {
  public struct Validator: Sendable, Hashable {
    /// `node1`: 1–64 bytes of `a`–`z`, `0`–`9`, `-`, `_`, `.`.
    public let name: String
    /// Ed25519, 32 bytes.
    public let publicKey: [UInt8]

    public init(name: String, publicKey: [UInt8]) {
      self.name = name
      self.publicKey = publicKey
    }
  }

  public static let nonceCount = 16

  /// 1–64 bytes, written like a validator's name.
  public let network: String
  public let schemaVersion: UInt32
  /// 1–64, names and keys all different; the first is the authority.
  public let validators: [Validator]
  /// 16 bytes.
  public let nonce: [UInt8]

  /// - Parameter nonce: 16 bytes; random when left out.
  /// - Throws: `genesis` when a bound above does not hold.
  public init(
    network: String, validators: [Validator], schemaVersion: UInt32 = ChainSchema.version, nonce: [UInt8]? = nil
  ) throws(ChainFault) {
    self.network = network
    self.schemaVersion = schemaVersion
    self.validators = validators
    self.nonce = nonce ?? (0..<Self.nonceCount).map { _ in UInt8.random(in: .min ... .max) }
    if let fault = fault() { throw ChainFault(.genesis, at: 0, fault) }
  }

  /// Reads block 0. Its signature is for `BlockRules` to check.
  /// - Throws: `genesis` when `block` is none.
  public init(block: Block) throws(ChainFault) {
    guard block.height == 0, block.entries.count == 1 else {
      throw ChainFault(.genesis, at: block.height, "not a genesis block")
    }
    guard case .genesis(let genesis) = try Entry(decoding: block.entries[0], height: 0) else {
      throw ChainFault(.genesis, at: 0, "the first block names no validators")
    }
    self = genesis
  }

  /// The first validator, who makes the blocks.
  public var authority: Validator { validators[0] }

  /// Makes and signs block 0. Its hash is the chain's id.
  /// - Parameters:
  ///   - key: the authority's.
  ///   - time: milliseconds since 1970.
  /// - Throws: `chain.invalid-key` when `key` is not the authority's.
  public func block(key: ValidatorKey, time: UInt64) throws -> Block {
    guard key.publicKey == authority.publicKey else { throw Self.wrongKey(authority.name, key) }
    let entries = [Entry.genesis(self).encoded]
    let header = BlockHeader(
      chain: .zero, height: 0, epoch: 0, time: time, previous: .zero, merkleRoot: Merkle.root(of: entries),
      entryCount: 1, producer: key.publicKey)
    return try Block(signing: header, entries: entries, key: key, chain: nil)
  }

  private static func wrongKey(_ name: String, _ key: ValidatorKey) -> GoudError {
    GoudError(.chainKeyInvalid, "the key of \(key) is not that of \(name), the authority")
  }

  private func fault() -> String? {
    let names = Set(validators.map(\.name))
    if !Self.isName(network) { return "the network's name is not one" }
    if validators.isEmpty || validators.count > BlockLimits.validators {
      return "\(validators.count) validators instead of 1 to \(BlockLimits.validators)"
    }
    if !names.allSatisfy(Self.isName) { return "a validator's name is not one" }
    if names.count != validators.count { return "two validators have one name" }
    if !validators.allSatisfy({ $0.publicKey.count == ValidatorKey.publicCount }) {
      return "a validator's key does not have \(ValidatorKey.publicCount) bytes"
    }
    if Set(validators.map(\.publicKey)).count != validators.count { return "two validators have one key" }
    if nonce.count != Self.nonceCount { return "the nonce does not have \(Self.nonceCount) bytes" }
    return nil
  }

  private static func isName(_ name: String) -> Bool {
    (1...BlockLimits.nameBytes).contains(name.utf8.count)
      && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_.".utf8.contains($0) }
  }
}

extension Genesis {
  init?(_ message: Goud_Chain_V1_Genesis) {
    guard message.unknownFields.data.isEmpty, message.validators.allSatisfy({ $0.unknownFields.data.isEmpty }),
      let genesis = try? Genesis(
        network: message.network,
        validators: message.validators.map { Validator(name: $0.name, publicKey: Array($0.publicKey)) },
        schemaVersion: message.schemaVersion, nonce: Array(message.nonce))
    else { return nil }
    self = genesis
  }

  var message: Goud_Chain_V1_Genesis {
    .with {
      $0.network = network
      $0.schemaVersion = schemaVersion
      $0.validators = validators.map { validator in
        .with {
          $0.name = validator.name
          $0.publicKey = Data(validator.publicKey)
        }
      }
      $0.nonce = Data(nonce)
    }
  }
}
