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
  private var waiters: [UInt64: [EntryWaiter]] = [:]
  private var lowest: UInt64?

  init(_ ledger: Ledger, _ volume: any DurableVolume, _ log: Logger) {
    store = ChainStore(ledger)
    self.volume = volume
    self.log = log
  }

  /// What the machine starts from.
  func durableState() throws -> DurableState {
    let promise = store.ledger.promise.map { Epoch(number: $0.epoch, nonce: $0.nonce) } ?? .none
    return DurableState(promise: promise, standing: try volume.standing(), acknowledged: store.acknowledged)
  }

  /// On the device when it returns.
  func persist(_ promise: Epoch) throws {
    try store.ledger.setPromise(EpochPromise(epoch: promise.number, nonce: promise.nonce))
    KillPoint.reached("promised epoch \(promise.number)")
  }

  /// On the device when it returns.
  func persist(_ standing: StandingRecord, _ reason: StandingReason) throws {
    try volume.write(standing, reason: reason)
    KillPoint.reached("standing \(standing.standing.rawValue)")
    log.notice("standing is \(standing.standing.rawValue)", metadata: ["reason": "\(reason.rawValue)"])
  }

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

  /// Takes back the blocks above `height`.
  /// - Returns: what waited for one of them.
  func truncate(above height: UInt64) throws -> [EntryTicket] {
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
  func standing() throws -> StandingRecord
  /// On the device when it returns.
  func write(_ standing: StandingRecord, reason: StandingReason) throws
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
