import Chain
import Foundation
import GoudCore
import Replication
import Synchronization

@testable import Node

/// A network of one: its own majority. Entries that arrive while a block is being committed go into the next one.
final class SingleNodeChain: ChainService {
  private struct Waiting {
    let entry: Entry
    let reply: CheckedContinuation<EntryPlace, any Error>
  }

  private struct State {
    var waiting: [Waiting] = []
    var committing = false
    var condition = NodeStatus.Condition.healthy
    var refusal: GoudError?
    var acknowledgements = true
    var role = NodeStatus.Role.authority
    var behind: UInt64? = 0
  }

  private let open: Ledger
  private let key: ValidatorKey
  private let state = Mutex(State())
  private let committer = DispatchQueue(label: "committer")

  /// Founds a chain in `volume`.
  init(volume: String, key: ValidatorKey = .generate()) throws {
    self.key = key
    let genesis = try Genesis(network: "test", validators: [.init(name: "node1", publicKey: key.publicKey)])
    open = try Ledger(directory: "\(volume)/rocksdb", genesis: try genesis.block(key: key, time: Timestamp.now()))
  }

  // What a test makes of it.

  var condition: NodeStatus.Condition {
    get { state.withLock { $0.condition } }
    set { state.withLock { $0.condition = newValue } }
  }

  /// What it says it is, and how far behind.
  func pose(as role: NodeStatus.Role, behind: UInt64?) {
    state.withLock { ($0.role, $0.behind) = (role, behind) }
  }

  /// What every submission is answered with.
  func refuse(_ error: GoudError?) { state.withLock { $0.refusal = error } }

  /// Whether blocks are acknowledged once they are on disk; else their submitters wait until their time is over.
  func acknowledge(_ yes: Bool) { state.withLock { $0.acknowledgements = yes } }

  /// The ledger, whatever the condition.
  var stored: Ledger { open }

  // ChainService

  var ledger: Ledger {
    get throws {
      guard condition != .corrupt else { throw GoudError(.databaseCorrupt, "the database is damaged") }
      return open
    }
  }

  var status: NodeStatus {
    let condition = condition
    guard condition != .corrupt && condition != .starting else {
      return NodeStatus(
        node: "node1", role: .authority, condition: condition, reason: "damaged, says the test", standing: .member)
    }
    let head = open.head
    let (role, behind) = state.withLock { ($0.role, $0.behind) }
    return NodeStatus(
      node: "node1", role: role, condition: condition,
      reason: condition == .healthy ? nil : "the test says so", standing: .member, chain: open.chain.bytes,
      schemaVersion: open.genesis.schemaVersion, head: .init(head),
      acknowledged: (try? open.reference(at: open.acknowledged)).flatMap { $0 }.map(NodeStatus.Head.init),
      behind: behind,
      peers: [.init(name: "node \"2\"\n", connected: false, standing: .rejoining, note: "not of this test")])
  }

  func submit(_ entry: Entry, before deadline: ContinuousClock.Instant) async throws -> EntryPlace {
    if let refusal = state.withLock({ $0.refusal }) { throw refusal }
    guard state.withLock({ $0.acknowledgements }) else {
      committer.async { _ = try? self.commit([entry], acknowledge: false) }
      try await Task.sleep(until: deadline, clock: .continuous)
      throw GoudError(.nodeUnacknowledged, "not acknowledged in time; it may be later")
    }
    return try await withCheckedThrowingContinuation { reply in
      let begin = state.withLock { state in
        state.waiting.append(Waiting(entry: entry, reply: reply))
        defer { state.committing = true }
        return !state.committing
      }
      if begin { committer.async { self.commitWaiting() } }
    }
  }

  private func commitWaiting() {
    while true {
      let batch = state.withLock { state in
        defer { state.waiting = [] }
        state.committing = !state.waiting.isEmpty
        return state.waiting
      }
      guard !batch.isEmpty else { return }
      do {
        let block = try commit(batch.map(\.entry), acknowledge: true)
        let id = BlockID(height: block.height, epoch: block.epoch, hash: block.hash.bytes)
        for (index, waiting) in batch.enumerated() {
          waiting.reply.resume(returning: EntryPlace(block: id, index: index))
        }
      } catch {
        for waiting in batch { waiting.reply.resume(throwing: error) }
      }
    }
  }

  @discardableResult
  private func commit(_ entries: [Entry], acknowledge: Bool) throws -> Block {
    let block = try Block(
      after: open.head, chain: open.chain, epoch: 1, time: Timestamp.now(), entries: entries.map(\.encoded),
      key: key)
    try open.append([block], acknowledged: acknowledge ? block.height : nil, sync: true)
    return block
  }
}

extension NodeStatus.Head {
  init(_ reference: BlockReference) {
    self.init(
      height: reference.height, epoch: reference.epoch, hash: reference.hash.bytes, time: reference.time)
  }
}
