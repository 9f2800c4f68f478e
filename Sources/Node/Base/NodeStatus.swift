public import GoudCore

/// How things stand with a node, at one moment: what `/health`, `/peers` and the metrics are made of.
public struct NodeStatus: Sendable {
  public enum Role: String, Sendable, Codable { case authority, follower }

  public enum Condition: String, Sendable, Codable, CaseIterable {
    /// Opening the database, or finding out what the others have. Nothing is served yet but health and metrics.
    case starting
    /// Reads are served, but what they show may lie behind the network.
    case syncing
    /// Reads go on; writes are refused (`reason` says why).
    case degraded
    case healthy
    /// The database is damaged: nothing is served but health and metrics, until it is repaired.
    case corrupt
    /// The disk is full or does not answer: nothing is served but health and metrics, until it does again.
    case failed
  }

  public struct Head: Sendable, Hashable {
    public var height: UInt64
    public var epoch: UInt64
    /// SHA-256, 32 bytes.
    public var hash: [UInt8]
    /// Milliseconds since 1970.
    public var time: UInt64

    public init(height: UInt64, epoch: UInt64, hash: [UInt8], time: UInt64) {
      self.height = height
      self.epoch = epoch
      self.hash = hash
      self.time = time
    }
  }

  public struct Peer: Sendable, Hashable {
    public var name: String
    /// HOST:PORT of its peer port; nil when it is known by name alone.
    public var address: String?
    public var connected: Bool
    public var standing: Standing?
    /// Heights; nil while it has not said.
    public var head: UInt64?
    public var acknowledged: UInt64?
    /// What is wrong with it, for people.
    public var note: String?

    public init(
      name: String, address: String? = nil, connected: Bool, standing: Standing? = nil, head: UInt64? = nil,
      acknowledged: UInt64? = nil, note: String? = nil
    ) {
      self.name = name
      self.address = address
      self.connected = connected
      self.standing = standing
      self.head = head
      self.acknowledged = acknowledged
      self.note = note
    }
  }

  public var node: String
  public var role: Role
  public var condition: Condition
  /// Why the condition is not `healthy`, for people: what is missing and what would help.
  public var reason: String?
  public var standing: Standing
  /// 32 bytes; nil while no ledger is open.
  public var chain: [UInt8]?
  public var schemaVersion: UInt32?
  /// On this node's disk; above `acknowledged` it is tentative.
  public var head: Head?
  /// The newest acknowledged block; nil while no ledger is open.
  public var acknowledged: Head?
  /// Acknowledged blocks that this node has heard of and does not hold yet; nil while it has heard of none: it may lack
  /// any number of them.
  public var behind: UInt64?
  /// Every other node of the network.
  public var peers: [Peer]
  /// Whether acknowledgements wait for fewer nodes than a majority (`WRITE_ACKS`): losing one volume may lose entries.
  public var atRisk: Bool

  public init(
    node: String, role: Role, condition: Condition, reason: String? = nil, standing: Standing, chain: [UInt8]? = nil,
    schemaVersion: UInt32? = nil, head: Head? = nil, acknowledged: Head? = nil, behind: UInt64? = nil,
    peers: [Peer] = [],
    atRisk: Bool = false
  ) {
    self.node = node
    self.role = role
    self.condition = condition
    self.reason = reason
    self.standing = standing
    self.chain = chain
    self.schemaVersion = schemaVersion
    self.head = head
    self.acknowledged = acknowledged
    self.behind = behind
    self.peers = peers
    self.atRisk = atRisk
  }

  /// Seconds by which the clocks of two nodes may differ without anybody's being told.
  static let clockTolerance: Int64 = 5

  /// Whether requests should be sent here: what is read is complete.
  public var ready: Bool { condition == .healthy || condition == .degraded }

  /// Whether everything is here that was acknowledged by a moment: what is not here then is nowhere. The authority has
  /// it all once it is ready; a follower when it holds a later block, or when nothing is missing of what it was told
  /// since.
  /// - Parameters:
  ///   - moment: seconds since 1970, by the clock of any node.
  ///   - now: the same, by this node's clock.
  func holdsEverything(by moment: Int64, at now: Int64) -> Bool {
    let tolerance = Self.clockTolerance
    guard ready, let behind else { return false }
    if role == .authority { return true }
    if let acknowledged, Int64(acknowledged.time / 1000) - tolerance > moment { return true }
    return behind == 0 && now - 2 * tolerance > moment
  }

  public var connectedPeers: Int { peers.count { $0.connected } }
}
