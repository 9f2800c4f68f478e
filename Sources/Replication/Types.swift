public import GoudCore

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

  /// What a volume that never promised anything has promised.
  public static let none = Epoch(number: 0, nonce: [])
}

/// The volume's own account of itself, beside the database (`.goud-standing.json`), never part of a backup.
public struct StandingRecord: Hashable, Sendable {
  public var standing: Standing
  /// See `Position.beginning`.
  public var beginning: [UInt8]
  /// The reign that this node answers to: the epoch in which the authority's present volume rejoined. A reign that
  /// began later takes its place, an earlier one never again: an old volume of the authority that turns up when another
  /// has led leads nobody. `none` stands for the first reign of the beginning: see `presentReign`.
  ///
  /// A restore of the whole network that leaves its volumes with different heads writes one reign into all of them: its
  /// number the highest that any of them has promised or holds a block of, its nonce fresh. Otherwise the first new
  /// epoch could bear the number of one that another copy has blocks of.
  public var reign: Epoch

  public init(standing: Standing, beginning: [UInt8], reign: Epoch) {
    self.standing = standing
    self.beginning = beginning
    self.reign = reign
  }

  /// The reign of a member: of a volume that carries none it is number 0, with the beginning for a nonce. Not a new
  /// one, even if the volume never led: it may be an old one, and another may have led since.
  var presentReign: Epoch { reign == .none ? Epoch(number: 0, nonce: beginning) : reign }

  /// A volume without a record: new, or unpacked by hand.
  public static let absent = StandingRecord(standing: .rejoining, beginning: [], reign: .none)
}

/// What a machine starts from, all read from the volume.
public struct DurableState: Hashable, Sendable {
  public var promise: Epoch
  public var standing: StandingRecord
  /// May lag behind what was acknowledged before the restart; never ahead of it.
  public var acknowledged: UInt64
  /// Of `standing`: every one that is written for a node has a higher one than those before, whoever writes it.
  public var serial: UInt64

  public init(promise: Epoch, standing: StandingRecord, acknowledged: UInt64, serial: UInt64 = 0) {
    self.promise = promise
    self.standing = standing
    self.acknowledged = acknowledged
    self.serial = serial
  }
}

/// One connection between two nodes, named by the environment and never twice in a process. Messages within one arrive
/// in order or not at all; nothing is known about messages of different ones.
public struct Connection: Hashable, Sendable, Comparable {
  public var id: UInt64
  public init(_ id: UInt64) { self.id = id }
  public static func < (a: Connection, b: Connection) -> Bool { a.id < b.id }
}

/// The chain as the decisions need it: its head, and the id of any block in it, written or not yet synced. Genesis is
/// always there. Every `append` and `truncate` is visible here before the next event is handled.
public protocol ChainReader {
  var head: BlockID { get }
  /// nil above the head.
  func block(at height: UInt64) -> BlockID?
}
