import GoudCore

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

  /// What belongs to the present connection and ends with it.
  struct Link: Sendable {
    var connection: Connection
    /// Promised here; nil: not asked yet, or refused.
    var epoch: Epoch?
    var reign = Epoch.none
    /// Height up to which the chain is what the authority sent; nil before it sent anything in this epoch.
    var matched: UInt64?
    /// The highest acknowledged height the authority told.
    var announced: UInt64 = 0
    var reported: UInt64?
    var admission: Admission?
    var refusal: Refusal?

    /// What was sent above this height gives way. No correct authority takes back what it sent in one epoch.
    mutating func goBack(to height: UInt64) {
      matched = matched.map { min($0, height) }
      reported = reported.map { min($0, height) }
    }
  }

  /// Its own name.
  public let node: String
  let rules: Rules
  let reach: EpochReach
  /// Up to this epoch it follows an authority that is far ahead: higher with each attempt that it refused.
  var horizon: UInt64 = 0
  var record = StandingRecord.absent
  var promise = Epoch.none
  var acknowledged: UInt64 = 0
  /// Height up to which the chain is on disk.
  var synced: UInt64 = 0
  var link: Link?
  var fault: Fault?
  private var actions: [Action] = []

  public init(node: String) { self.init(node: node, rules: .all) }

  package init(node: String, rules: Rules, reach: EpochReach = .standard) {
    self.node = node
    self.rules = rules
    self.reach = reach
  }

  public mutating func handle(_ event: Event, chain: some ChainReader) -> [Action] {
    switch event {
    case .started(let state):
      record = state.standing
      promise = state.promise
      acknowledged = min(state.acknowledged, chain.head.height)
      synced = chain.head.height
    case .connected(let connection):
      link = Link(connection: connection)
      say(.introduction(Introduction(node: node, position: position(chain), locator: chain.locator)))
    case .disconnected(let connection):
      if link?.connection == connection { link = nil }
    case .received(let message, let connection):
      if link?.connection == connection { receive(message, chain) }
    case .stored(let block):
      guard chain.block(at: block.height) == block else { break }
      synced = max(synced, block.height)
      tellStored(chain)
    }
    defer { actions = [] }
    return actions
  }

  /// What it says about itself, for introductions, rpc Inspect and `status`.
  public func position(_ chain: some ChainReader) -> Position {
    Position(
      head: chain.head, acknowledged: acknowledged, standing: record.standing, beginning: record.beginning,
      promised: promise.number)
  }

  public var status: FollowerStatus {
    FollowerStatus(
      standing: record, promised: promise.number, acknowledged: acknowledged, following: link?.matched != nil,
      announced: link?.matched == nil ? nil : link?.announced, fault: fault, refusal: link?.refusal)
  }

  private mutating func receive(_ message: AuthorityMessage, _ chain: some ChainReader) {
    switch message {
    case .openEpoch(let open): consider(open, chain)
    case .append(let append): follow(append, chain)
    case .acknowledged(let told):
      guard link?.epoch?.number == told.epoch else { return refuse(.protocolViolation) }
      acknowledge(told.height)
    case .admission(let admission):
      guard link?.epoch?.number == admission.epoch else { return refuse(.protocolViolation) }
      link?.admission = admission
      tellStored(chain)
    case .refusal(let refusal): link?.refusal = refusal
    }
  }

  // MARK: - Promises

  private mutating func consider(_ open: OpenEpoch, _ chain: some ChainReader) {
    let limit = max(horizon, reach.limit(above: max(promise.number, record.reign.number, chain.head.epoch)))
    guard open.epoch.number <= limit || !rules.contains(.reach) else {
      horizon = limit.raised(by: reach.climb, upTo: reach.last)
      return refuse(.malformed)
    }
    var next = record
    var reason = StandingReason.reign
    if open.demand == .rejoin, record.standing == .member {
      next.standing = .rejoining
      reason = .otherBeginning
    }
    if record.standing == .member, !isLeftBehind(by: open), let refusal = objection(to: open) {
      return refuse(refusal.code, promised: refusal.promised, height: refusal.height)
    }
    if case .join(let beginning) = open.demand {
      next = StandingRecord(standing: .member, beginning: beginning, reign: open.reign)
      reason = .overridden
    }
    // Not with the first promise: an authority that never gets enough of them leaves no trace.
    if next.standing == .member, open.round > 1, open.reign != next.presentReign { next.reign = open.reign }
    if next != record {
      record = next
      actions.append(.persistStanding(record, reason: reason))
    }
    if promise != open.epoch {
      (promise, horizon) = (open.epoch, 0)
      actions.append(.persistPromise(promise))
    }
    if link?.epoch != open.epoch, let connection = link?.connection { link = Link(connection: connection) }
    link?.epoch = open.epoch
    link?.reign = open.reign
    say(
      .promise(Promise(epoch: open.epoch, round: open.round, position: position(chain), locator: chain.locator)))
  }

  /// Whether a member is to rejoin because the network has another beginning: its epochs are not those of this one.
  private func isLeftBehind(by open: OpenEpoch) -> Bool {
    open.demand == .rejoin && open.standing == .member && open.beginning != record.beginning
  }

  /// Why a member does not do what it is asked. A rejoining node always promises: what it once promised is as lost as its
  /// disk.
  private func objection(to open: OpenEpoch) -> Refusal? {
    if rules.contains(.beginnings), open.standing == .member, open.beginning != record.beginning {
      return Refusal(.otherBeginning)
    }
    let floor = max(promise.number, record.reign.number)
    if rules.contains(.promises), open.epoch != promise, open.epoch.number <= floor {
      // More would not be believed: it opens a higher one, and asks again.
      return Refusal(.promised, promised: min(floor, reach.limit(above: open.epoch.number)))
    }
    if rules.contains(.reigns), open.reign != record.presentReign, open.reign.number <= record.reign.number {
      return Refusal(.otherReign)
    }
    return nil
  }

  // MARK: - Blocks

  private mutating func follow(_ append: Append, _ chain: some ChainReader) {
    guard link?.epoch?.number == append.epoch, chain.block(at: append.previous.height) == append.previous,
      append.blocks.follow(append.previous, upTo: append.epoch)
    else { return refuse(.protocolViolation) }
    if case .new(let first, let keep) = Extension(append.blocks, on: chain) {
      if keep < acknowledged, rules.contains(.keeping) { return keepAcknowledged(against: append.blocks[first]) }
      if keep < chain.head.height {
        synced = min(synced, keep)
        link?.goBack(to: keep)
        actions.append(.truncate(above: keep))
      }
      actions.append(.append(Array(append.blocks[first...])))
    }
    let matched = max(link?.matched ?? 0, append.blocks.last?.height ?? append.previous.height)
    link?.matched = matched
    acknowledge(append.acknowledged)
    tellStored(chain)
  }

  /// The rule that is never broken: what is acknowledged stays, and people are told.
  private mutating func keepAcknowledged(against block: BlockID) {
    let fault = Fault.acknowledgedBlock(height: block.height, acknowledged: acknowledged)
    if self.fault != fault { actions.append(.report(.fault(fault))) }
    self.fault = fault
    refuse(.acknowledgedBlock, height: block.height)
  }

  private mutating func acknowledge(_ announced: UInt64) {
    guard var link else { return }
    link.announced = max(link.announced, announced)
    self.link = link
    let height = min(link.announced, link.matched ?? 0)
    guard height > acknowledged else { return }
    acknowledged = height
    fault = nil
    actions.append(.acknowledge(height))
  }

  /// Tells the authority what is on disk of what it sent; first becomes a member when that is enough.
  private mutating func tellStored(_ chain: some ChainReader) {
    guard let link, let epoch = link.epoch, let matched = link.matched else { return }
    let height = min(rules.contains(.synced) ? synced : chain.head.height, matched)
    guard let block = chain.block(at: height) else { return }
    var joined = false
    if let admission = link.admission, record.standing == .rejoining, height >= admission.height {
      record = StandingRecord(standing: .member, beginning: admission.beginning, reign: link.reign)
      actions.append(.persistStanding(record, reason: .rejoined))
      actions.append(.report(.rejoined(node: node)))
      joined = true
    }
    guard joined || link.reported.map({ $0 < height }) ?? true else { return }
    self.link?.reported = height
    say(.stored(Stored(epoch: epoch.number, head: block, standing: record.standing)))
  }

  // MARK: -

  private mutating func say(_ message: FollowerMessage) {
    if let link { actions.append(.reply(message, to: link.connection)) }
  }

  /// Says why not. After a message that no correct authority sends, the connection is of no more use.
  private mutating func refuse(_ code: Refusal.Code, promised: UInt64 = 0, height: UInt64 = 0) {
    say(.refusal(Refusal(code, promised: promised, height: height)))
    if let connection = link?.connection, [.protocolViolation, .acknowledgedBlock, .malformed].contains(code) {
      actions.append(.drop(connection, code))
      link = nil
    }
  }
}

public struct FollowerStatus: Hashable, Sendable {
  public var standing: StandingRecord
  public var promised: UInt64
  public var acknowledged: UInt64
  /// Whether it has promised on the present connection and been sent something: what it shows is then current.
  public var following: Bool
  /// The highest acknowledged height that the authority told on the present connection; nil while not following.
  public var announced: UInt64?
  public var fault: Fault?
  /// The authority's last refusal on this connection.
  public var refusal: Refusal?
}
