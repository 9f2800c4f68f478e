import Chain
import GoudCore
import Replication
import Synchronization

/// One entry on its way into the chain, and whoever waits for it.
final class EntryTicket: Sendable {
  let entry: Entry
  let encoded: [UInt8]

  private enum State {
    case open
    case waiting(CheckedContinuation<EntryPlace, any Error>)
    case settled(Result<EntryPlace, any Error>)
  }

  private let state = Mutex(State.open)

  /// - Throws: `ChainFault` when the bytes are no entry that may be submitted.
  init(_ encoded: [UInt8]) throws {
    guard encoded.count <= BlockLimits.entryBytes else {
      throw ChainFault(.tooLarge, at: nil, "an entry of \(encoded.count) bytes")
    }
    entry = try Entry(decoding: encoded)
    if case .genesis = entry { throw ChainFault(.entry, at: nil, "a genesis entry cannot be submitted") }
    self.encoded = encoded
  }

  /// Another one for the same entry.
  init(again other: EntryTicket) {
    entry = other.entry
    encoded = other.encoded
  }

  /// Waits until it is settled. To be called once.
  /// - Throws: why it is not in the chain; `node.unacknowledged` when the caller's task is cancelled before it is
  ///   known.
  func place() async throws -> EntryPlace {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let known: Result<EntryPlace, any Error>? = state.withLock {
          if case .settled(let result) = $0 { return result }
          $0 = .waiting(continuation)
          return nil
        }
        if let known { continuation.resume(with: known) }
      }
    } onCancel: {
      settle(.failure(Self.unknown))
    }
  }

  /// The same without throwing.
  func outcome() async -> Submission.Outcome {
    do {
      return .success(try await place())
    } catch {
      return .failure(error as? GoudError ?? Self.unknown)
    }
  }

  /// The first time counts.
  func settle(_ result: Result<EntryPlace, any Error>) {
    let continuation: CheckedContinuation<EntryPlace, any Error>? = state.withLock {
      switch $0 {
      case .settled: return nil
      case .open:
        $0 = .settled(result)
        return nil
      case .waiting(let continuation):
        $0 = .settled(result)
        return continuation
      }
    }
    continuation?.resume(with: result)
  }

  /// Nobody waits for it any more.
  var isSettled: Bool { state.withLock { if case .settled = $0 { true } else { false } } }

  static let unknown = GoudError(
    .nodeUnacknowledged, "not acknowledged in time; it may still be", hint: "look for it before sending it again")
}

/// Entries that wait for the next block. Bounded; refuses everything while the node takes no entries.
final class EntryQueue: Sendable {
  static let mostEntries = 8192
  static let mostBytes = 32 << 20

  private struct State {
    var waiting: [EntryTicket] = []
    var bytes = 0
    /// Why nothing is taken in; nil: it is.
    var refusal: GoudError?
  }

  private let state: Mutex<State>

  init(refusal: GoudError) { state = Mutex(State(refusal: refusal)) }

  /// - Returns: whether it is the only one, so that the engine has to be woken.
  /// - Throws: `node.busy`; the present refusal.
  func add(_ ticket: EntryTicket) throws -> Bool {
    try state.withLock {
      if let refusal = $0.refusal { throw refusal }
      guard $0.waiting.count < Self.mostEntries, $0.bytes + ticket.encoded.count <= Self.mostBytes else {
        throw GoudError(
          .nodeBusy, "\($0.waiting.count) entries are waiting to be written already", hint: "try again in a moment",
          context: ["retry-after": "1"])
      }
      $0.waiting.append(ticket)
      $0.bytes += ticket.encoded.count
      return $0.waiting.count == 1
    }
  }

  var isEmpty: Bool { state.withLock { $0.waiting.isEmpty } }
  var count: Int { state.withLock { $0.waiting.count } }

  /// The oldest ones, up to a block's bounds; those that nobody waits for any more are dropped.
  func take(entries: Int, bytes: Int) -> [EntryTicket] {
    state.withLock { state in
      var taken: [EntryTicket] = []
      var weight = 0
      var passed = 0
      for ticket in state.waiting {
        guard taken.count < entries, taken.isEmpty || weight + ticket.encoded.count <= bytes else { break }
        passed += 1
        state.bytes -= ticket.encoded.count
        guard !ticket.isSettled else { continue }
        taken.append(ticket)
        weight += ticket.encoded.count
      }
      state.waiting.removeFirst(passed)
      return taken
    }
  }

  /// Takes entries in from now on.
  func open() { state.withLock { $0.refusal = nil } }

  /// Takes none from now on, and gives back those that wait: they are in no block.
  func refuse(_ error: GoudError) {
    let waiting = state.withLock { state in
      state.refusal = error
      defer {
        state.waiting = []
        state.bytes = 0
      }
      return state.waiting
    }
    for ticket in waiting { ticket.settle(.failure(error)) }
  }
}
