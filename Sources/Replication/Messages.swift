public import GoudCore

/// What a follower says to the authority. `goud.peer.v1.FollowerMessage`.
public enum FollowerMessage: Hashable, Sendable {
  /// First on every connection, once.
  case introduction(Introduction)
  case promise(Promise)
  case stored(Stored)
  case refusal(Refusal)
}

/// What the authority says to a follower. `goud.peer.v1.AuthorityMessage`; the challenge is the transport's.
public enum AuthorityMessage: Hashable, Sendable {
  case openEpoch(OpenEpoch)
  case append(Append)
  case acknowledged(Acknowledged)
  case admission(Admission)
  case refusal(Refusal)
}

/// Who a follower is and what it has. The environment adds and checks chain, schema version, clock and signature, and
/// hands on only introductions that passed.
public struct Introduction: Hashable, Sendable {
  public var node: String
  public var position: Position
  public var locator: [BlockID]

  public init(node: String, position: Position, locator: [BlockID]) {
    self.node = node
    self.position = position
    self.locator = locator
  }
}

/// The authority asks for a promise: nothing of an earlier epoch is stored from now on. Signed with its validator key.
public struct OpenEpoch: Hashable, Sendable {
  /// What the authority asks of a follower beside the promise.
  public enum Demand: Hashable, Sendable {
    case none
    /// Your beginning is not ours and your blocks all are: count for nothing until you have rejoined.
    case rejoin
    /// The operator has overridden: be a member of this new beginning, with the disk you have.
    case join(beginning: [UInt8])
  }

  public var epoch: Epoch
  /// Of the authority's volume: `StandingRecord.reign`; the present epoch when it rejoins.
  public var reign: Epoch
  /// Asked again with the next number once enough have promised: the answers prove that all of them still hold.
  public var round: UInt32
  /// The authority's own. A rejoining authority has no beginning, and members of any obey it.
  public var standing: Standing
  public var beginning: [UInt8]
  public var demand: Demand

  public init(
    epoch: Epoch, reign: Epoch, round: UInt32, standing: Standing, beginning: [UInt8], demand: Demand = .none
  ) {
    self.epoch = epoch
    self.reign = reign
    self.round = round
    self.standing = standing
    self.beginning = beginning
    self.demand = demand
  }
}

/// Sent after the promise is on disk, by rejoining followers too (it then counts for nothing).
public struct Promise: Hashable, Sendable {
  public var epoch: Epoch
  /// Of the `OpenEpoch` it answers.
  public var round: UInt32
  public var position: Position
  public var locator: [BlockID]

  public init(epoch: Epoch, round: UInt32, position: Position, locator: [BlockID]) {
    self.epoch = epoch
    self.round = round
    self.position = position
    self.locator = locator
  }
}

/// Blocks in order of height that stand on `previous`; perhaps none. The machine names them; the environment puts the
/// encoded blocks in when it sends, and may split one into several that follow on each other. Towards the machine: the
/// ids of blocks that were decoded, hashed and found to be signed by the authority and linked to each other.
public struct Append: Hashable, Sendable {
  public var epoch: UInt64
  public var previous: BlockID
  public var blocks: [BlockID]
  public var acknowledged: UInt64

  public init(epoch: UInt64, previous: BlockID, blocks: [BlockID], acknowledged: UInt64) {
    self.epoch = epoch
    self.previous = previous
    self.blocks = blocks
    self.acknowledged = acknowledged
  }
}

/// Everything up to `head` is on the follower's disk, synced, and is what the authority sent.
public struct Stored: Hashable, Sendable {
  public var epoch: UInt64
  public var head: BlockID
  public var standing: Standing

  public init(epoch: UInt64, head: BlockID, standing: Standing) {
    self.epoch = epoch
    self.head = head
    self.standing = standing
  }
}

/// Everything up to `height` is acknowledged.
public struct Acknowledged: Hashable, Sendable {
  public var epoch: UInt64
  public var height: UInt64

  public init(epoch: UInt64, height: UInt64) {
    self.epoch = epoch
    self.height = height
  }
}

/// To a rejoining follower: be a member of this beginning as soon as the block at `height` is on your disk.
public struct Admission: Hashable, Sendable {
  public var epoch: UInt64
  public var height: UInt64
  public var beginning: [UInt8]

  public init(epoch: UInt64, height: UInt64, beginning: [UInt8]) {
    self.epoch = epoch
    self.height = height
    self.beginning = beginning
  }
}

/// Why a node does not go along. The sender may close the connection after it.
public struct Refusal: Hashable, Sendable {
  public enum Code: String, Sendable, CaseIterable {
    /// Follower: has promised `promised`, which is not lower than what was asked; or more, if that is as much as the
    /// authority believes at once (`EpochReach`).
    case promised = "peer.promised"
    /// Follower: answers to another volume of the authority, which led later.
    case otherReign = "peer.other-reign"
    /// Either: its data comes from another founding or restore, and it holds blocks from `height` on that the
    /// authority does not.
    case otherBeginning = "peer.other-beginning"
    /// Follower: would have to drop its block at `height`, which it knows to be acknowledged.
    case acknowledgedBlock = "peer.acknowledged-block"
    /// Either: a message that the protocol does not allow here.
    case protocolViolation = "peer.protocol"
    /// Authority: the same node has connected again.
    case replaced = "peer.replaced"
    /// Authority: no validator of that name follows here.
    case unknownNode = "peer.unknown-node"
    // Found by the environment before the machine hears of the peer.
    case otherChain = "peer.other-chain"
    case schema = "peer.schema"
    case signature = "peer.signature"
    case badBlock = "peer.bad-block"
    case notAuthority = "peer.not-authority"
    /// Either: a message that no correct node sends.
    case malformed = "peer.malformed"
  }

  public var code: Code
  public var promised: UInt64
  public var height: UInt64

  public init(_ code: Code, promised: UInt64 = 0, height: UInt64 = 0) {
    self.code = code
    self.promised = promised
    self.height = height
  }
}
