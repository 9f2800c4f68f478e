import GoudCore

/// How far a node has come, as it is known outside of its volume: what the volume is held against before it counts.
///
/// A disk that goes back in time (a snapshot rolled back, an old copy put in place) does not know it: its own account
/// of itself went back with it. Everything that others rely on is noted here before it is said, so a volume that lacks
/// any of it has forgotten something. Rules for who keeps it:
///
/// 1. A promise and a standing are first on the volume's disk, then noted, both synced, then said. A crash in between
///    leaves a volume that is ahead of its progress, never behind.
/// 2. A block is noted as stored after its sync, before the disk is counted with it; that need not be synced.
/// 3. Before blocks are taken back, the progress goes back to the last one that stays, synced.
public struct NodeProgress: Hashable, Sendable {
  /// Of the standing that was written last: see `DurableState.serial`.
  public var serial: UInt64
  public var standing: StandingRecord
  public var promise: Epoch
  /// Up to this block, the disk was counted. The volume holds it, unless it went back in time.
  public var stored: BlockID

  public init(serial: UInt64, standing: StandingRecord, promise: Epoch, stored: BlockID) {
    self.serial = serial
    self.standing = standing
    self.promise = promise
    self.stored = stored
  }

  /// What a volume says of itself, taken as it is.
  public init(_ state: DurableState, _ chain: some ChainReader) {
    self.init(serial: state.serial, standing: state.standing, promise: state.promise, stored: chain.head)
  }

  /// What the volume has forgotten; nil when it counts as it says. One that is rejoining counts for nothing anyway. One
  /// of a beginning that is not known here, whose standing was written later than the last that is, was restored since.
  public func missing(in state: DurableState, _ chain: some ChainReader) -> Forgotten? {
    guard state.standing.standing == .member else { return nil }
    if state.serial < serial || state.serial == serial && state.standing != standing { return .standing }
    if state.standing.beginning != standing.beginning { return nil }
    if state.promise.number < promise.number || state.promise.number == promise.number && state.promise != promise {
      return .promise(promise.number, has: state.promise.number)
    }
    return chain.block(at: stored.height) == stored ? nil : .blocks(through: stored.height, has: chain.head.height)
  }

  /// Holds a volume against what is known of it, when anything is. One that has forgotten something is a member no more.
  /// - Returns: what to start from and what is known from now on; and what was forgotten.
  public static func begin(
    _ state: DurableState, _ chain: some ChainReader, known: NodeProgress?
  ) -> (state: DurableState, progress: NodeProgress, forgotten: Forgotten?) {
    var state = state
    let forgotten = known?.missing(in: state, chain)
    if forgotten != nil { state.standing.standing = .rejoining }
    var progress = NodeProgress(state, chain)
    progress.serial = max(state.serial, known?.serial ?? 0)
    return (state, progress, forgotten)
  }
}

/// What a volume lacks that its node has told others.
public enum Forgotten: Hashable, Sendable {
  /// Its standing is an older one.
  case standing
  /// It has promised this epoch, and the volume knows a lower one, or another of that number.
  case promise(UInt64, has: UInt64)
  /// It has stored a block of this height that is not in the volume.
  case blocks(through: UInt64, has: UInt64)
  /// The authority has opened this epoch, by the account of a follower that can prove it.
  case epoch(UInt64, has: UInt64)
}
