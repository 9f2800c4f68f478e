import Chain
import GoudCore
import Logging
import Replication
import Synchronization

/// What the engines of both roles share: the durable part of a node, and whoever waits for acknowledgements. Belongs to
/// one thread, the engine's; `shown` and `Volume` are for everybody.
final class EngineCore {
  let store: ChainStore
  let volume: any DurableVolume
  let log: Logger
  /// nil where nothing is kept outside of the volume.
  private(set) var progress: ProgressFile?
  /// What the volume lacks that the node has told others, when an old copy was put in its place.
  private(set) var forgotten: Forgotten?
  /// What one account may store, in bytes; nil: no bound.
  let quota: UInt64?
  private var waiters: [UInt64: [EntryWaiter]] = [:]
  private var lowest: UInt64?

  init(_ ledger: Ledger, _ volume: any DurableVolume, quota: UInt64? = nil, _ log: Logger) {
    self.quota = quota
    store = ChainStore(ledger)
    self.volume = volume
    self.log = log
  }

  /// What the machine starts from: what the volume says of itself, as far as it agrees with what is known outside of it.
  /// - Throws: `volume.invalid-standing`, `volume.invalid-progress`.
  func durableState() throws -> DurableState {
    let promise = store.ledger.promise.map { Epoch(number: $0.epoch, nonce: $0.nonce) } ?? .none
    let (standing, serial) = try volume.numberedStanding()
    var state = DurableState(
      promise: promise, standing: standing, acknowledged: store.acknowledged, serial: serial)
    guard let directory = volume.progress else { return state }
    let begun = try ProgressFile.begin(in: directory, chain: store, state: &state)
    progress = begun.file
    if let forgotten = begun.forgotten {
      try persist(state.standing, .forgotten)
      report(.forgotten(node: nil, forgotten))
    }
    return state
  }

  func report(_ report: Report) {
    if case .forgotten(nil, let what) = report { forgotten = what }
    log.report(report)
  }

  /// On the device when it returns, in the volume and outside.
  func persist(_ promise: Epoch) throws {
    try store.ledger.setPromise(EpochPromise(epoch: promise.number, nonce: promise.nonce))
    KillPoint.reached("promised epoch \(promise.number)")
    try progress?.note(promise)
  }

  /// On the device when it returns, in the volume and outside.
  func persist(_ standing: StandingRecord, _ reason: StandingReason) throws {
    let serial = try volume.write(standing, reason: reason, after: progress?.serial ?? 0)
    KillPoint.reached("standing \(standing.standing.rawValue)")
    try progress?.note(standing, serial: serial)
    log.notice("standing is \(standing.standing.rawValue)", metadata: ["reason": "\(reason.rawValue)"])
  }

  /// The volume's device has everything up to `block`. Before the disk is counted with it.
  func noteStored(_ block: BlockID) throws { try progress?.note(stored: block) }

  /// Shows everything up to `height`, and answers who waits for it.
  func acknowledge(_ height: UInt64) throws {
    try store.ledger.setAcknowledged(height)
    guard let first = lowest, first <= height else { return }
    for (reached, waiting) in waiters where reached <= height {
      waiters[reached] = nil
      for waiter in waiting { try waiter.reached(store) }
    }
    lowest = waiters.keys.min()
  }

  /// Calls back when the block at `height` is acknowledged.
  func wait(for waiter: EntryWaiter, at height: UInt64) throws {
    if height <= store.acknowledged { return try waiter.reached(store) }
    waiters[height, default: []].append(waiter)
    lowest = min(lowest ?? height, height)
  }

  /// Answers an entry that is in the chain already with its place, once that is acknowledged.
  /// - Returns: whether it is.
  func answerKnown(_ ticket: EntryTicket) throws -> Bool {
    guard let position = try store.ledger.position(of: ticket.entry) else { return false }
    guard let block = store.block(at: position.height) else {
      throw GoudError(.databaseCorrupt, "an index names block \(position.height), which is not there")
    }
    try wait(for: EntryWaiter(ticket: ticket, block: block, index: Int(position.index)), at: position.height)
    return true
  }

  /// Takes back the blocks above `height`.
  /// - Returns: what waited for one of them.
  func truncate(above height: UInt64) throws -> [EntryTicket] {
    if let progress, let last = store.block(at: height) { try progress.goBack(to: last) }
    try store.truncate(above: height)
    var lost: [EntryTicket] = []
    for (reached, waiting) in waiters where reached > height {
      waiters[reached] = nil
      lost += waiting.map(\.ticket)
    }
    lowest = waiters.keys.min()
    return lost
  }

  func giveUp(_ error: GoudError) {
    for waiter in waiters.values.joined() { waiter.ticket.settle(.failure(error)) }
    waiters = [:]
    lowest = nil
  }
}

/// What a node keeps beside its ledger.
protocol DurableVolume: Sendable {
  /// The standing, and its serial.
  func numberedStanding() throws -> (record: StandingRecord, serial: UInt64)
  /// On the device when it returns.
  /// - Returns: the serial that was written, higher than `serial`.
  func write(_ standing: StandingRecord, reason: StandingReason, after serial: UInt64) throws -> UInt64
  /// The directory outside of the volume that says how far the node has come; nil where nothing is kept.
  var progress: String? { get }
}

/// An entry in a block that is not acknowledged yet.
struct EntryWaiter {
  let ticket: EntryTicket
  let block: BlockID
  let index: Int

  /// The block of that height is acknowledged: the entry's own, unless a later epoch has put another in its place.
  func reached(_ store: ChainStore) throws {
    guard store.block(at: block.height) == block else { return lost() }
    ticket.settle(.success(EntryPlace(block: block, index: index)))
  }

  func lost() { ticket.settle(.failure(EntryTicket.unknown)) }
}
