import Chain
import GoudCore
import NIOCore
import Replication
import Synchronization

/// One entry on its way into the chain, and whoever waits for it.
final class EntryTicket: Sendable {
  typealias Outcome = Result<EntryPlace, GoudError>

  let entry: Entry
  let encoded: [UInt8]

  private enum State {
    case open
    case waiting(@Sendable (Outcome) -> Void)
    case settled(Outcome)
  }

  private let state = Mutex(State.open)

  /// - Throws: `request.invalid` when it is none that may be submitted.
  convenience init(_ entry: Entry) throws { try self.init(entry, encoded: entry.encoded) }

  /// - Throws: `request.invalid` when the bytes are no entry that may be submitted.
  convenience init(decoding encoded: [UInt8]) throws {
    do {
      try self.init(try Entry(decoding: encoded), encoded: encoded)
    } catch let fault as ChainFault {
      throw GoudError(.requestInvalid, "\(fault)", cause: fault)
    }
  }

  private init(_ entry: Entry, encoded: [UInt8]) throws {
    guard encoded.count <= BlockLimits.entryBytes else {
      throw GoudError(.requestInvalid, "an entry of \(encoded.count) bytes; it may have \(BlockLimits.entryBytes)")
    }
    if case .genesis = entry { throw GoudError(.requestInvalid, "a genesis entry cannot be submitted") }
    self.entry = entry
    self.encoded = encoded
  }

  /// Whose it is; nil for a new account.
  var account: [UInt8]? { if case .data(let data) = entry { data.account } else { nil } }

  /// It ends a key: the one thing that is taken when there is no room. Small, and one for each account at most.
  var endsKey: Bool {
    if case .data(let data) = entry { encoded.count <= 512 && data.endsKey } else { false }
  }

  /// Waits until it is settled. To be called once.
  /// - Throws: why it is not in the chain; `node.unacknowledged` when the caller's task is cancelled before it is
  ///   known.
  func place() async throws -> EntryPlace {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        whenSettled { continuation.resume(with: $0.mapError { $0 }) }
      }
    } onCancel: {
      settle(.failure(Self.unknown))
    }
  }

  /// Calls `answer` when it is settled, now when it is. To be called once, instead of `place`; `answer` must not wait.
  func whenSettled(_ answer: @escaping @Sendable (Outcome) -> Void) {
    let known: Outcome? = state.withLock {
      if case .settled(let outcome) = $0 { return outcome }
      $0 = .waiting(answer)
      return nil
    }
    if let known { answer(known) }
  }

  /// The first time counts.
  func settle(_ outcome: Outcome) {
    let answer: (@Sendable (Outcome) -> Void)? = state.withLock {
      switch $0 {
      case .settled: return nil
      case .open:
        $0 = .settled(outcome)
        return nil
      case .waiting(let answer):
        $0 = .settled(outcome)
        return answer
      }
    }
    answer?(outcome)
  }

  /// Nobody waits for it any more.
  var isSettled: Bool { state.withLock { if case .settled = $0 { true } else { false } } }

  static let unknown = GoudError(
    .nodeUnacknowledged, "not acknowledged in time; it may still be", hint: "look for it before sending it again")
}

/// Ends the waiting for tickets whose time is over. One task sleeps for all of them, none while nobody waits.
///
/// Tickets are expected in the order of their deadlines; one that comes out of order may be ended later than it should.
/// Whoever waits holds the ticket: behind one that waits long, those that are answered already keep no entry in memory.
final class Deadlines: Sendable {
  private struct Waiting {
    let deadline: ContinuousClock.Instant
    weak var ticket: EntryTicket?

    var isOver: Bool { ticket?.isSettled ?? true }
  }

  private struct State {
    var waiting = CircularBuffer<Waiting>()
    var watching = false
  }

  private let state = Mutex(State())

  func add(_ ticket: EntryTicket, before deadline: ContinuousClock.Instant) {
    let begin = state.withLock { state in
      // Most are settled long before their time: what is kept is what waits.
      while let first = state.waiting.first, first.isOver { state.waiting.removeFirst() }
      state.waiting.append(Waiting(deadline: deadline, ticket: ticket))
      defer { state.watching = true }
      return !state.watching
    }
    if begin { Task { await watch() } }
  }

  private func watch() async {
    while let next = endWaiting() { try? await Task.sleep(until: next) }
  }

  /// - Returns: when to look again; nil when nobody waits.
  private func endWaiting() -> ContinuousClock.Instant? {
    let (over, next) = state.withLock { state in
      var over: [EntryTicket] = []
      while let first = state.waiting.first, first.isOver || first.deadline <= .now {
        if let ticket = first.ticket { over.append(ticket) }
        state.waiting.removeFirst()
      }
      state.watching = !state.waiting.isEmpty
      return (over, state.waiting.first?.deadline)
    }
    for ticket in over { ticket.settle(.failure(EntryTicket.unknown)) }
    return next
  }
}

/// Entries that wait for the next block, or to be handed on. Bounded; refuses everything while the node takes no entries.
///
/// Once half of it is full, no account may have more than a quarter of its bytes: however much one sends at a time, there
/// is room for others.
final class EntryQueue: Sendable {
  static let mostEntries = 8192
  static let mostBytes = 32 << 20

  private struct State {
    var waiting: [EntryTicket] = []
    var bytes = 0
    /// Those of each account that has entries waiting.
    var bytesOf: [[UInt8]: Int] = [:]
    /// Why nothing is taken in; nil: it is.
    var refusal: GoudError?

    func admits(_ ticket: EntryTicket) -> Bool {
      guard let account = ticket.account, 2 * (bytes + ticket.encoded.count) > EntryQueue.mostBytes else { return true }
      return 4 * (bytesOf[account, default: 0] + ticket.encoded.count) <= EntryQueue.mostBytes
    }

    /// - Parameter sign: 1 when it has come, -1 when it goes.
    mutating func count(_ ticket: EntryTicket, _ sign: Int) {
      bytes += sign * ticket.encoded.count
      guard let account = ticket.account else { return }
      let sum = bytesOf[account, default: 0] + sign * ticket.encoded.count
      bytesOf[account] = sum > 0 ? sum : nil
    }

    mutating func clear() {
      waiting = []
      bytes = 0
      bytesOf = [:]
    }
  }

  private let state: Mutex<State>

  /// Why nothing is taken in besides; asked for every entry.
  let shortage: @Sendable () -> GoudError?

  init(refusal: GoudError, shortage: @escaping @Sendable () -> GoudError? = { nil }) {
    state = Mutex(State(refusal: refusal))
    self.shortage = shortage
  }

  /// - Returns: whether it is the only one, so that the engine has to be woken.
  /// - Throws: `node.busy`, `node.no-room`; the present refusal.
  func add(_ ticket: EntryTicket) throws(GoudError) -> Bool {
    try state.withLock { (state: inout State) throws(GoudError) -> Bool in
      if let refusal = state.refusal { throw refusal }
      if !ticket.endsKey, let shortage = shortage() { throw shortage }
      guard state.waiting.count < Self.mostEntries, state.bytes + ticket.encoded.count <= Self.mostBytes else {
        throw GoudError(
          .nodeBusy, "\(state.waiting.count) entries are waiting to be written already", hint: "try again in a moment",
          context: ["retry-after": "1"])
      }
      guard state.admits(ticket) else {
        throw GoudError(
          .nodeBusy, "the account has too many entries waiting to be written", hint: "send fewer at a time",
          context: ["retry-after": "1"])
      }
      state.waiting.append(ticket)
      state.count(ticket, 1)
      return state.waiting.count == 1
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
        state.count(ticket, -1)
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

  /// Gives back those that wait, when there is no room for them: they are in no block.
  func giveBackForLackOfRoom() {
    guard let shortage = shortage() else { return }
    let waiting = state.withLock { state in
      let waiting = state.waiting.filter { !$0.endsKey }
      for ticket in waiting { state.count(ticket, -1) }
      state.waiting.removeAll { !$0.endsKey }
      return waiting
    }
    for ticket in waiting { ticket.settle(.failure(shortage)) }
  }

  /// Takes none from now on, and gives back those that wait: they are in no block.
  func refuse(_ error: GoudError) {
    let waiting = state.withLock { state in
      state.refusal = error
      defer { state.clear() }
      return state.waiting
    }
    for ticket in waiting { ticket.settle(.failure(error)) }
  }
}
