/// The decisions of a follower: docs/replication.md. A value without I/O, clock or randomness: `handle` takes what
/// happened and returns what to do, under the rules of `Action`.
public struct FollowerMachine: Sendable {
  public enum Event: Hashable, Sendable {
    /// First, once.
    case started(DurableState)
    /// To the authority; it takes the place of an earlier connection.
    case connected(Connection)
    case disconnected(Connection)
    /// `openEpoch` only with a signature that holds.
    case received(AuthorityMessage, from: Connection)
    /// The chain up to this block is on disk, synced.
    case stored(BlockID)
  }

  /// Its own name.
  public let node: String

  public init(node: String) {
    self.node = node
  }

  public mutating func handle(_ event: Event, chain: some ChainReader) -> [Action] {
    []
  }

  public var status: FollowerStatus { fatalError("unfinished") }
}

public struct FollowerStatus: Hashable, Sendable {
  public var standing: StandingRecord
  public var promised: UInt64
  public var acknowledged: UInt64
  /// Whether it has promised on the present connection and been sent something: what it shows is then current.
  public var following: Bool
  public var fault: Fault?
  /// The authority's last refusal on this connection.
  public var refusal: Refusal?
}
