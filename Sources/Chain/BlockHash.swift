import GoudCore

/// A SHA-256 digest: of a block's preimage, of a Merkle node, or, as the hash of block 0, the chain's id.
public struct BlockHash: Hashable, Sendable, CustomStringConvertible {
  /// 32 bytes.
  public let bytes: [UInt8]

  /// - Returns: nil unless there are 32 bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.count else { return nil }
    self.bytes = bytes
  }

  /// - Returns: nil unless there are 64 hexadecimal digits.
  public init?(hex: String) {
    guard let bytes = Hex.bytes(hex) else { return nil }
    self.init(bytes)
  }

  init(digest: some Sequence<UInt8>) { bytes = Array(digest) }

  public static let count = 32
  /// What stands before the first block, and in its place of the chain id.
  public static let zero = BlockHash(digest: [UInt8](repeating: 0, count: count))

  /// 64 lower-case digits.
  public var hex: String { Hex.text(bytes) }
  public var description: String { hex }
}

/// Where a block stands: what the next one must follow.
public struct BlockReference: Hashable, Sendable, CustomStringConvertible {
  public let height: UInt64
  public let epoch: UInt64
  /// Milliseconds since 1970.
  public let time: UInt64
  public let hash: BlockHash

  public init(height: UInt64, epoch: UInt64, time: UInt64, hash: BlockHash) {
    self.height = height
    self.epoch = epoch
    self.time = time
    self.hash = hash
  }

  public var description: String { "block \(height) (epoch \(epoch), \(hash.hex.prefix(12)))" }
}
