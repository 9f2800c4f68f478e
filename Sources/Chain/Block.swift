import Crypto
import Foundation
import SwiftProtobuf

/// One block, decoded, with its hash. Nothing is checked beyond its form: that is for `BlockRules`.
public struct Block: Sendable, Equatable {
  /// The chain it is read as part of: the hash of block 0. Not in the encoding, but in the preimage of the hash.
  public let chain: BlockHash
  public let height: UInt64
  /// The authority's start that produced it.
  public let epoch: UInt64
  /// Milliseconds since 1970.
  public let time: UInt64
  public let previous: BlockHash
  public let merkleRoot: BlockHash
  /// The Ed25519 public key that signed it, 32 bytes.
  public let producer: [UInt8]
  /// Ed25519 over the 32 bytes of the hash; 64 bytes.
  public let signature: [UInt8]
  /// Encoded entries.
  public let entries: [[UInt8]]
  /// The bytes it was decoded from, or was encoded to.
  public let encoded: [UInt8]
  /// SHA-256 of the preimage.
  public let hash: BlockHash

  /// Reads an encoded block.
  /// - Parameter chain: the chain that it is to be part of; nil for a genesis block, which begins one.
  /// - Throws: `malformed` or `tooLarge`; a field that this version does not know makes it malformed, since nothing
  ///   vouches for it.
  public init(decoding bytes: [UInt8], chain: BlockHash?) throws(ChainFault) {
    guard bytes.count <= BlockLimits.blockBytes else {
      throw ChainFault(.tooLarge, at: nil, "\(bytes.count) bytes, more than \(BlockLimits.blockBytes)")
    }
    guard let message = try? Goud_Chain_V1_Block(serializedBytes: bytes), message.unknownFields.data.isEmpty else {
      throw ChainFault(.malformed, at: nil, "not an encoded block")
    }
    try self.init(message, encoded: bytes, chain: chain)
  }

  private init(_ message: Goud_Chain_V1_Block, encoded: [UInt8], chain: BlockHash?) throws(ChainFault) {
    guard let header = BlockHeader(message, chain: chain), message.signature.count == ValidatorKey.signatureCount
    else { throw ChainFault(.malformed, at: message.height, "a hash, a key or a signature has the wrong length") }
    guard message.entries.count <= BlockLimits.entries,
      message.entries.allSatisfy({ $0.count <= BlockLimits.entryBytes })
    else { throw ChainFault(.tooLarge, at: message.height, "too many entries, or an entry that is too large") }
    try Self.refuseOtherEncodings(message, encoded)
    self.init(
      header, signature: Array(message.signature), entries: message.entries.map { Array($0) }, encoded: encoded,
      chain: chain)
  }

  /// Two nodes that hold one block hold the same bytes: fields in the order of their numbers, none twice, none that is
  /// zero or empty.
  private static func refuseOtherEncodings(_ message: Goud_Chain_V1_Block, _ encoded: [UInt8]) throws(ChainFault) {
    guard let canonical: [UInt8] = try? message.serializedBytes(), canonical == encoded else {
      throw ChainFault(.malformed, at: message.height, "not the canonical encoding")
    }
  }

  private init(
    _ header: BlockHeader, signature: [UInt8], entries: [[UInt8]], encoded: [UInt8], chain: BlockHash?
  ) {
    height = header.height
    epoch = header.epoch
    time = header.time
    previous = header.previous
    merkleRoot = header.merkleRoot
    producer = header.producer
    self.signature = signature
    self.entries = entries
    self.encoded = encoded
    hash = header.hash
    self.chain = chain ?? (header.height == 0 ? hash : .zero)
  }

  public var reference: BlockReference { BlockReference(height: height, epoch: epoch, time: time, hash: hash) }
}

extension Block {
  /// Makes and signs the block that follows `previous`.
  /// - Parameters:
  ///   - time: milliseconds since 1970; a clock that went back is held to the previous block's time.
  ///   - entries: encoded entries; may be empty.
  public init(
    after previous: BlockReference, chain: BlockHash, epoch: UInt64, time: UInt64, entries: [[UInt8]],
    key: ValidatorKey
  ) throws {
    let header = BlockHeader(
      chain: chain, height: previous.height + 1, epoch: epoch, time: max(time, previous.time),
      previous: previous.hash, merkleRoot: Merkle.root(of: entries), entryCount: UInt32(entries.count),
      producer: key.publicKey)
    try self.init(signing: header, entries: entries, key: key, chain: chain)
  }

  /// Signs a header as it stands, whatever it says.
  init(signing header: BlockHeader, entries: [[UInt8]], key: ValidatorKey, chain: BlockHash?) throws {
    let signature = try key.sign(header.hash.bytes)
    let message = Goud_Chain_V1_Block.with {
      $0.height = header.height
      $0.epoch = header.epoch
      $0.time = header.time
      $0.previous = Data(header.previous.bytes)
      $0.merkleRoot = Data(header.merkleRoot.bytes)
      $0.producer = Data(header.producer)
      $0.signature = Data(signature)
      $0.entries = entries.map { Data($0) }
    }
    self.init(
      header, signature: signature, entries: entries, encoded: try message.serializedBytes(), chain: chain)
  }
}

extension BlockReference {
  /// Of a block that this node has stored, and so has checked: only what the hash covers is read.
  /// - Throws: `malformed`.
  public init(stored bytes: [UInt8], chain: BlockHash) throws(ChainFault) {
    guard let message = try? Goud_Chain_V1_Block(serializedBytes: bytes),
      let header = BlockHeader(message, chain: chain)
    else { throw ChainFault(.malformed, at: nil, "not an encoded block") }
    self.init(height: header.height, epoch: header.epoch, time: header.time, hash: header.hash)
  }
}

extension BlockHeader {
  /// - Returns: nil when a hash or the key has the wrong length.
  fileprivate init?(_ message: Goud_Chain_V1_Block, chain: BlockHash?) {
    guard let previous = BlockHash(Array(message.previous)), let root = BlockHash(Array(message.merkleRoot)),
      message.producer.count == ValidatorKey.publicCount
    else { return nil }
    self.init(
      chain: message.height == 0 ? .zero : chain ?? .zero, height: message.height, epoch: message.epoch,
      time: message.time, previous: previous, merkleRoot: root,
      entryCount: UInt32(truncatingIfNeeded: message.entries.count), producer: Array(message.producer))
  }
}
