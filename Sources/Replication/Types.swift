/// Where a block stands in every chain that holds it. Ordered by epoch, then height: of two heads, the greater one
/// holds every block that the lesser one's majority may have acknowledged.
public struct BlockID: Hashable, Sendable, Comparable {
  public var height: UInt64
  public var epoch: UInt64
  /// SHA-256, 32 bytes.
  public var hash: [UInt8]

  public init(height: UInt64, epoch: UInt64, hash: [UInt8]) {
    self.height = height
    self.epoch = epoch
    self.hash = hash
  }

  public static func < (a: BlockID, b: BlockID) -> Bool { (a.epoch, a.height) < (b.epoch, b.height) }
}

/// Whether a node's disk counts. A volume that is new, lost or restored may have forgotten what it acknowledged: until
/// it has rejoined, it neither promises nor acknowledges.
public enum Standing: String, Sendable, Codable { case member, rejoining }

/// What a node says about itself.
public struct Position: Hashable, Sendable {
  public var head: BlockID
  /// Height up to which it knows blocks to be acknowledged.
  public var acknowledged: UInt64
  public var standing: Standing
  /// The founding, or the restore of the whole network, that its data comes from: 16 bytes; empty when it has none yet.
  public var beginning: [UInt8]
  public var promised: UInt64

  public init(head: BlockID, acknowledged: UInt64, standing: Standing, beginning: [UInt8], promised: UInt64) {
    self.head = head
    self.acknowledged = acknowledged
    self.standing = standing
    self.beginning = beginning
    self.promised = promised
  }
}

/// A start of the authority. The nonce (16 random bytes) tells apart two starts that chose the same number.
public struct Epoch: Hashable, Sendable {
  public var number: UInt64
  public var nonce: [UInt8]

  public init(number: UInt64, nonce: [UInt8]) {
    self.number = number
    self.nonce = nonce
  }
}

/// The chain as the decisions need it: its head, and the id of any block in it. Genesis is always there.
public protocol ChainReader {
  var head: BlockID { get }
  /// nil above the head.
  func block(at height: UInt64) -> BlockID?
}
