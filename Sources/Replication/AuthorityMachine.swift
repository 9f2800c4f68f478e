import GoudCore

/// The decisions of the authority: docs/replication.md. A value without I/O, clock or randomness: `handle` takes what
/// happened and returns what to do, under the rules of `Action`.
///
/// It gathers promises, has them confirmed, adopts the greatest chain among those who promised, and leads:
/// AuthorityOpening.swift, AuthorityLeading.swift.
public struct AuthorityMachine: Sendable {
  public enum Event: Hashable, Sendable {
    /// First, once. The nonce: 16 random bytes, fresh in every process.
    case started(DurableState, nonce: [UInt8])
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

  enum Phase: Hashable, Sendable {
    case gathering
    /// Those of the ballot were asked again.
    case confirming
    case fetching(Fetch, target: BlockID)
    /// Everything is written; it must be on disk up to this block.
    case settling(BlockID)
    /// The epoch's first block has this height.
    case leading(start: UInt64)
    case halted(Fault)
  }

  struct Override: Hashable, Sendable {
    var others: Int
    var beginning: [UInt8]
    /// Followers were told to join the new beginning: they no longer prove what was acknowledged before it.
    var told = false
  }

  /// Followers that have promised and may be counted together.
  struct Ballot: Hashable, Sendable {
    var followers: [Int]
    /// How many of them it takes.
    var need: Int
    /// Theirs, or the new one; taken on when the authority rejoins.
    var beginning: [UInt8]
    var overriding = false
  }

  /// What shows whether the own volume has forgotten something: all blocks that a follower has and this chain lacks.
  struct Proof: Hashable, Sendable {
    var fetch: Fetch
    /// The follower's.
    var head: BlockID
    /// The first height at which they differ; nil before it is found.
    var fork: UInt64?
  }

  public let network: Network
  let rules: Rules
  let reach: EpochReach
  var record = StandingRecord.absent
  var epoch = Epoch.none
  /// The highest epoch number heard of.
  var heard: UInt64 = 0
  /// The highest epoch that the volume knew of when it last counted: of a later one it has opened none, or forgotten it.
  var remembered: UInt64 = 0
  var round: UInt32 = 0
  var phase = Phase.gathering
  /// With whom the authority confirms, catches up, leads.
  var ballot = Ballot(followers: [], need: 0, beginning: [])
  var override: Override?
  var acknowledged: UInt64 = 0
  /// Height up to which the own chain is on disk.
  var synced: UInt64 = 0
  /// A block was asked for and is not there yet.
  var producing = false
  var waiting: Waiting?
  /// A follower is asked for blocks, to see whether the own volume has forgotten them.
  var proof: Proof?
  /// The other nodes, in the order of the network.
  var followers: [FollowerProgress]
  var actions: [Action] = []

  public init(network: Network) { self.init(network: network, rules: .all) }

  package init(network: Network, rules: Rules, reach: EpochReach = .standard) {
    self.network = network
    self.rules = rules
    self.reach = reach
    followers = network.nodes.dropFirst().map(FollowerProgress.init(node:))
  }

  public mutating func handle(_ event: Event, chain: some ChainReader) -> [Action] {
    switch event {
    case .started(let state, let nonce): start(state, nonce, chain)
    case .received(let message, let connection): receive(message, connection, chain)
    case .disconnected(let connection):
      if let index = index(of: connection) { lose(index, chain) }
    case .appended(let block):
      producing = false
      if case .leading = phase, block.epoch == epoch.number { feedAll(chain) }
    case .stored(let block): store(block, chain)
    case .fetched(let fetch, let blocks): take(blocks, fetch, chain)
    case .fetchFailed(let fetch): abandon(fetch, chain)
    case .overridden(let others, let beginning):
      override = Override(others: others, beginning: beginning)
      gather(chain)
    }
    announce()
    defer { actions = [] }
    return actions
  }

  /// Whether this message has the authority open a higher epoch, if it is believed. The environment lets some time pass
  /// before it hands it on.
  public func isRaised(by message: FollowerMessage) -> Bool {
    switch message {
    case .refusal(let refusal): refusal.code == .promised && refusal.promised >= epoch.number
    case .promise(let promise): promise.position.head.epoch >= epoch.number
    case .introduction, .stored: false
    }
  }

  /// What it says about itself, for rpc Inspect and `status`.
  public func position(_ chain: some ChainReader) -> Position {
    Position(
      head: chain.head, acknowledged: acknowledged, standing: record.standing, beginning: record.beginning,
      promised: epoch.number)
  }

  var isLeading: Bool { if case .leading = phase { true } else { false } }

  public var status: AuthorityStatus {
    AuthorityStatus(
      epoch: epoch.number, leading: isLeading, waiting: waiting, standing: record, acknowledged: acknowledged,
      followers: followers.map(\.view))
  }

  private mutating func start(_ state: DurableState, _ nonce: [UInt8], _ chain: some ChainReader) {
    record = state.standing
    acknowledged = min(state.acknowledged, chain.head.height)
    synced = chain.head.height
    epoch = Epoch(number: state.promise.number, nonce: nonce)
    heard = max(chain.head.epoch, record.reign.number)
    remembered = max(epoch.number, heard)
    open(chain)
  }

  private mutating func receive(_ message: FollowerMessage, _ connection: Connection, _ chain: some ChainReader) {
    if case .introduction(let introduction) = message { return meet(introduction, connection, chain) }
    guard let index = index(of: connection) else { return }
    switch message {
    case .introduction: break
    case .promise(let promise): hear(promise, index, chain)
    case .stored(let stored): count(stored, index, chain)
    case .refusal(let refusal): hear(refusal, index, chain)
    }
  }

  private mutating func store(_ block: BlockID, _ chain: some ChainReader) {
    guard chain.block(at: block.height) == block else { return }
    synced = max(synced, block.height)
    settle(chain)
    advance(chain)
  }

  func index(of connection: Connection) -> Int? { followers.firstIndex { $0.connection == connection } }

  /// Tells the environment whether entries are taken in, when that changed.
  private mutating func announce() {
    let next = obstacle
    guard next != waiting else { return }
    waiting = next
    actions.append(next.map { .refuse($0) } ?? .accept(epoch: epoch.number))
  }

  private var obstacle: Waiting? {
    switch phase {
    case .gathering, .confirming:
      let (ballot, own) = (candidates, record.standing == .member ? 1 : 0)
      return .promises(have: ballot.followers.count + own, need: ballot.need + own, rejoining: own == 0)
    case .fetching(let fetch, let target): return .catchingUp(node: fetch.node, through: target.height)
    case .settling(let block): return .catchingUp(node: nil, through: block.height)
    case .halted(let fault): return .fault(fault)
    case .leading(let start):
      let have = 1 + followers.count { $0.promised && counts($0) }
      let enough = acknowledged >= start && have >= network.acknowledgements
      return enough ? nil : .acknowledgements(have: have, need: network.acknowledgements)
    }
  }
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
