import GoudCore

/// What the authority knows of one follower.
struct FollowerProgress: Sendable {
  /// Blocks in one `Append`, and blocks sent that are not known to be stored.
  static let batch: UInt64 = 256
  static let window: UInt64 = 1024

  let node: String
  /// nil: not connected. What stands below belongs to the connection; `position` and `setApart` are kept for people.
  var connection: Connection?
  var position: Position?
  var setApart: SetApart?
  /// What it has told this authority as a member, on any connection.
  var told = Told()
  /// It came to this connection without some of that: it is to rejoin. What was said on another one, which may be late, is
  /// no reason.
  var hasForgotten = false
  /// It has shown, on this connection and in this epoch, what it has of epochs that the authority's volume does not know.
  var examined = false
  var refusal: Refusal?
  var locator: [BlockID] = []
  /// How often it has had a higher epoch opened, on this connection and since it last promised.
  var raises = 0
  /// Has promised the present epoch, on this connection.
  var promised = false
  /// Has answered the present round.
  var confirmed = false
  /// The last block that was sent; nil before it is fed.
  var sent: BlockID?
  /// Height from which the window is counted: the common block, later what is stored.
  var floor: UInt64 = 0
  /// Height up to which it has what was sent, on disk; nil before it said so.
  var stored: UInt64?
  /// A rejoining follower: height of the block, produced after its return, that it needs before it counts.
  var admission: UInt64?
  var admitted = false

  /// What others may rely on.
  struct Told: Sendable {
    /// It was a member of this one.
    var beginning: [UInt8] = []
    var promised: UInt64 = 0
    /// The last block that was counted.
    var stored: BlockID?
    /// The greatest block that it had.
    var head: BlockID?

    mutating func add(promise: Epoch, _ position: Position) {
      if position.beginning != beginning { self = Told(beginning: position.beginning) }
      promised = max(promised, promise.number)
      head = max(head ?? position.head, position.head)
    }

    mutating func add(stored block: BlockID) {
      stored = block
      head = max(head ?? block, block)
    }

    /// What it has forgotten, if it is `position` now.
    func missing(in position: Position, _ chain: some ChainReader) -> Forgotten? {
      if position.promised < promised { return .promise(promised, has: position.promised) }
      guard let stored, chain.block(at: stored.height) == stored, position.head.height < stored.height,
        chain.block(at: position.head.height) == position.head
      else { return nil }
      return .blocks(through: stored.height, has: position.head.height)
    }
  }

  init(node: String) { self.node = node }

  /// Takes note of how a follower comes back.
  /// - Parameter leading: whether the authority relies on what it was told until now. While it does not, a promise can be
  ///   made anew: the follower may have lost its disk and been filled by another volume of the authority since, and only
  ///   one that leads can have it rejoin.
  /// - Returns: what it has forgotten, of what it told this authority before.
  mutating func resume(_ position: Position, leading: Bool, _ chain: some ChainReader) -> Forgotten? {
    guard position.standing == .member, position.beginning == told.beginning else {
      told = Told()
      return nil
    }
    let forgotten = told.missing(in: position, chain)
    let isPromiseAlone = told.head.map { !(position.head < $0) } ?? true
    if case .promise = forgotten, !leading, isPromiseAlone {
      told.promised = position.promised
    } else {
      hasForgotten = forgotten != nil
    }
    return forgotten
  }

  /// Takes note of a new connection, or of its end.
  mutating func connect(_ connection: Connection?) {
    let known = (position, setApart, told)
    self = FollowerProgress(node: node)
    self.connection = connection
    (position, setApart, told) = known
  }

  /// A new epoch: everything is asked and sent anew.
  mutating func reset() {
    let known = (locator, refusal, raises, hasForgotten)
    connect(connection)
    (locator, refusal, raises, hasForgotten) = known
  }

  var view: FollowerView {
    FollowerView(
      node: node, connected: connection != nil, position: position, stored: stored, setApart: setApart,
      refusal: refusal)
  }
}

extension Position {
  /// Whether a node that was set apart comes back as it was. Anything else is looked at anew: its volume may have been
  /// replaced, or told to rejoin, and have the same head.
  func isSameVolume(as other: Position) -> Bool {
    head == other.head && standing == other.standing && beginning == other.beginning
  }
}

/// A follower as the authority sees it. Those that never introduced themselves are listed too.
public struct FollowerView: Hashable, Sendable {
  public var node: String
  public var connected: Bool
  /// As it last said; nil when it never connected.
  public var position: Position?
  /// Height up to which it has what the authority sent, on disk; nil before it is fed.
  public var stored: UInt64?
  public var setApart: SetApart?
  public var refusal: Refusal?
}
