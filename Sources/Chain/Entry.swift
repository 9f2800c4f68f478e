import Foundation
import SwiftProtobuf

/// What a block holds. An entry's identity in the tree is its encoding, so it is kept as it came.
public enum Entry: Sendable, Equatable {
  /// The only entry of block 0.
  case genesis(Genesis)
  case account(Account)
  case data(SealedData)

  /// - Throws: `entry` when it cannot be read, has a field of the wrong length, one that this version does not know, or
  ///   is encoded otherwise than canonically.
  public init(decoding bytes: [UInt8], height: UInt64? = nil) throws(ChainFault) {
    guard let message = try? Goud_Chain_V1_Entry(serializedBytes: bytes), message.unknownFields.data.isEmpty,
      let entry = Self.read(message), entry.encoded == bytes
    else { throw ChainFault(.entry, at: height, "an entry cannot be read") }
    self = entry
  }

  public var encoded: [UInt8] {
    let message = Goud_Chain_V1_Entry.with {
      switch self {
      case .genesis(let genesis): $0.genesis = genesis.message
      case .account(let account): $0.account = account.message
      case .data(let data): $0.data = data.message
      }
    }
    // Encoding fails only where a required field is missing, and proto3 has none.
    return (try? message.serializedBytes()) ?? []
  }

  private static func read(_ message: Goud_Chain_V1_Entry) -> Entry? {
    switch message.kind {
    case .genesis(let genesis): Genesis(genesis).map { .genesis($0) }
    case .account(let account): Account(account).map { .account($0) }
    case .data(let data): SealedData(data).map { .data($0) }
    case nil: nil
    }
  }
}

/// An account: who may submit entries, known by the hash of an API key that nobody stores.
public struct Account: Sendable, Hashable {
  public static let idCount = 16
  public static let keyHashCount = 32

  /// 16 bytes, unique in the chain.
  public let id: [UInt8]
  /// SHA-256 of the API key, 32 bytes, unique in the chain.
  public let keyHash: [UInt8]
  /// Milliseconds since 1970.
  public let created: UInt64

  /// - Returns: nil when a length is wrong.
  public init?(id: [UInt8], keyHash: [UInt8], created: UInt64) {
    guard id.count == Self.idCount, keyHash.count == Self.keyHashCount else { return nil }
    self.id = id
    self.keyHash = keyHash
    self.created = created
  }

  init?(_ message: Goud_Chain_V1_Account) {
    guard message.unknownFields.data.isEmpty else { return nil }
    self.init(id: Array(message.id), keyHash: Array(message.keyHash), created: message.created)
  }

  var message: Goud_Chain_V1_Account {
    .with {
      $0.id = Data(id)
      $0.keyHash = Data(keyHash)
      $0.created = created
    }
  }
}

/// Data of an account, sealed with a key that only its owner has.
public struct SealedData: Sendable, Hashable {
  public static let idCount = 16

  /// 16 bytes, unique in the chain.
  public let id: [UInt8]
  /// The account's id; the account comes before it in the chain.
  public let account: [UInt8]
  /// AES-256-GCM: nonce, ciphertext, tag.
  public let label: [UInt8]
  public let payload: [UInt8]
  /// Milliseconds since 1970.
  public let created: UInt64

  /// - Returns: nil when a length is wrong.
  public init?(id: [UInt8], account: [UInt8], label: [UInt8], payload: [UInt8], created: UInt64) {
    guard id.count == Self.idCount, account.count == Account.idCount else { return nil }
    self.id = id
    self.account = account
    self.label = label
    self.payload = payload
    self.created = created
  }

  init?(_ message: Goud_Chain_V1_SealedData) {
    guard message.unknownFields.data.isEmpty else { return nil }
    self.init(
      id: Array(message.id), account: Array(message.account), label: Array(message.label),
      payload: Array(message.payload), created: message.created)
  }

  var message: Goud_Chain_V1_SealedData {
    .with {
      $0.id = Data(id)
      $0.account = Data(account)
      $0.label = Data(label)
      $0.payload = Data(payload)
      $0.created = created
    }
  }
}
