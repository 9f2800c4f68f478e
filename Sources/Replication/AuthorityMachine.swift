/// The decisions of the authority: docs/replication.md. A value without I/O, clock or randomness: `handle` takes what
/// happened and returns what to do, under the rules of `Action`.
public struct AuthorityMachine: Sendable {
  public enum Event: Hashable, Sendable {
    /// First, once. Both are 16 random bytes, fresh in every process.
    case started(DurableState, nonce: [UInt8], reign: [UInt8])
    case received(FollowerMessage, from: Connection)
    case disconnected(Connection)
    /// A block of its own, asked for by `produce` or allowed by `accept`, is written.
    case appended(BlockID)
    /// The chain up to this block is on disk, synced.
    case stored(BlockID)
    /// At least one block, in order, the first standing on `Fetch.after`.
    case fetched(Fetch, [BlockID])
    case fetchFailed(Fetch)
    /// The operator accepts what is lost without the absent: this many other nodes of any standing suffice. Only heard
    /// by an authority that is rejoining; the environment sends it some time after the start, so that who can come has
    /// come. `beginning`: 16 random bytes.
    case overridden(others: Int, beginning: [UInt8])
  }

  public let network: Network

  public init(network: Network) {
    self.network = network
  }

  public mutating func handle(_ event: Event, chain: some ChainReader) -> [Action] {
    []
  }

  /// For /health, `status` and the metrics.
  public var status: AuthorityStatus { fatalError("unfinished") }
}

public struct AuthorityStatus: Hashable, Sendable {
  public var epoch: UInt64
  public var leading: Bool
  /// nil while entries are accepted.
  public var waiting: Waiting?
  public var standing: StandingRecord
  public var acknowledged: UInt64
  public var followers: [FollowerView]
}

/// A follower as the authority sees it. Those that never introduced themselves are listed too.
public struct FollowerView: Hashable, Sendable {
  public var node: String
  public var connected: Bool
  public var position: Position?
  /// Height up to which it has what the authority sent, on disk; nil before it is fed.
  public var stored: UInt64?
  public var setApart: SetApart?
  public var refusal: Refusal?
}
