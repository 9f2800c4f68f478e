/// What a machine wants done. Rules for who carries it out:
///
/// 1. The actions of one event are carried out in order, and all of them before the next event is handled.
/// 2. `persistPromise`, `persistStanding` and `truncate` are synced to disk when they are done; nothing behind them in
///    the list happens before. When one of them fails, the process stops.
/// 3. `append` and the node's own blocks are written in order and may be synced later, several at once; `stored` tells.
///    Reports of syncs that began before a `truncate` are discarded.
/// 4. What is persisted, stored and taken back is noted outside of the volume too, under the rules of `NodeProgress`.
/// 5. What is sent may be delayed or lost with its connection, never altered or put in another order within it.
public enum Action: Hashable, Sendable {
  case persistPromise(Epoch)
  case persistStanding(StandingRecord, reason: StandingReason)
  /// Write these blocks (of the `Append` or the fetch just handled) on top of the chain.
  case append([BlockID])
  /// Remove every block above this height, and the indexes with them. Never at or below what is acknowledged.
  case truncate(above: UInt64)
  /// Append a block of this epoch, an empty one when no entry waits, and report `appended`.
  case produce(epoch: UInt64)
  /// Everything up to this height is acknowledged: show it, answer who waits for it. Written without a sync.
  case acknowledge(UInt64)
  /// Fetch blocks (rpc Blocks), check them, report `fetched` or `fetchFailed`.
  case fetch(Fetch)
  case send(AuthorityMessage, to: Connection)
  case reply(FollowerMessage, to: Connection)
  /// Send what is already queued, then close. A follower that was dropped comes back after a pause.
  case drop(Connection, Refusal.Code)
  /// Blocks of this epoch may be produced from entries, until `refuse`.
  case accept(epoch: UInt64)
  /// No entries are taken in (503, with the reason). What was taken in and not acknowledged may still be, later.
  case refuse(Waiting)
  /// For the log and for `status`.
  case report(Report)
}

/// Why `.goud-standing.json` was written.
public enum StandingReason: String, Hashable, Sendable, Codable {
  /// The follower confirms a promise to a volume of the authority that takes the place of another.
  case reign
  /// The volume holds everything again and counts.
  case rejoined
  /// The network has a newer beginning, and this volume nothing that the network lacks.
  case otherBeginning = "other beginning"
  /// The operator accepted what may be lost.
  case overridden
  /// The volume lacks what its node has told others: an old copy of it was put back.
  case forgotten
}

/// At most `limit` blocks that stand on `after`, up to `through` (a height), from the node behind `connection`.
public struct Fetch: Hashable, Sendable {
  public var connection: Connection
  public var node: String
  public var after: BlockID
  public var through: UInt64
  public var limit: Int

  public init(connection: Connection, node: String, after: BlockID, through: UInt64, limit: Int) {
    self.connection = connection
    self.node = node
    self.after = after
    self.through = through
    self.limit = limit
  }
}

/// Why the authority takes no entries.
public enum Waiting: Hashable, Sendable {
  /// Not enough nodes have promised: `have` of `need` (others only, when the authority itself is rejoining).
  case promises(have: Int, need: Int, rejoining: Bool)
  /// Blocks are being fetched from a follower, or synced.
  case catchingUp(node: String?, through: UInt64)
  /// The epoch's first block is not acknowledged yet, or too few members are connected: `have` of `need`.
  case acknowledgements(have: Int, need: Int)
  /// Nothing more is done until someone looks: see the report.
  case fault(Fault)
}

/// Something that a rule forbids, and that only an operator can settle.
public enum Fault: Hashable, Sendable {
  /// The chain to follow has another block at this height, which this node knows to be acknowledged.
  case acknowledgedBlock(height: UInt64, acknowledged: UInt64)
  /// This node's volume has promised an epoch above which there is none: no correct network comes that far.
  case noEpochLeft(promised: UInt64)
}

public enum Report: Hashable, Sendable {
  /// The authority has opened this epoch.
  case opened(Epoch)
  /// The authority leads: `start` is the height of the epoch's first block.
  case leading(epoch: UInt64, start: UInt64)
  /// A node counts again.
  case rejoined(node: String)
  /// A node of another beginning, or with acknowledged blocks that the chain lacks: not counted, not fed.
  case setApart(node: String, SetApart)
  /// A follower answers to a newer volume of the authority: this one was replaced and should not run.
  case replaced(by: String)
  /// The operator's override took effect: the node counts as a member of the new beginning.
  case overridden(members: [String], beginning: [UInt8])
  case fault(Fault)
  /// A node's volume went back in time: it rejoins. nil: this node's own.
  case forgotten(node: String?, Forgotten)
}

/// What a node that is set apart holds and the network does not.
public struct SetApart: Hashable, Sendable {
  /// Blocks from its side of the fork that it knows to be acknowledged.
  public var acknowledged: UInt64
  /// All its blocks from the fork on: some beyond `acknowledged` may have been, too.
  public var blocks: UInt64

  public init(acknowledged: UInt64, blocks: UInt64) {
    self.acknowledged = acknowledged
    self.blocks = blocks
  }
}
