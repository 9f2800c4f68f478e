import GoudCore
import Synchronization

/// Bytes of requests and answers that are held at once.
///
/// A body has its bytes set aside when it is announced, so that of many that come at once some come whole. Whoever then
/// does not send has them for a moment only: when others need them, what has been set aside for a body that does not come
/// is given back, and the rest of it is counted as it comes. So an announcement holds nothing, and what is sent is held
/// by whoever has sent it.
final class BodyBudget: Sendable {
  /// What was taken; given back when the last reference goes.
  final class Share: Sendable {
    private struct State {
      /// Counted.
      var bytes = 0
      /// Of a body: those that have come.
      var arrived = 0
      /// Since when it may come; nil: nothing is set aside for what has not come.
      var begin: ContinuousClock.Instant?
    }

    private let budget: BodyBudget
    private let seat: ConnectionTable.Seat?
    private let state: Mutex<State>

    /// Of `bytes` that were acquired.
    fileprivate init(
      _ budget: BodyBudget, _ bytes: Int, _ seat: ConnectionTable.Seat?, begin: ContinuousClock.Instant?
    ) {
      self.budget = budget
      self.seat = seat
      state = Mutex(State(bytes: bytes, begin: begin))
      seat?.held.add(bytes, ordering: .relaxed)
    }

    /// What it has come to: gives back the rest, or takes what is missing, also when that is not left.
    func settle(on bytes: Int) {
      let before = state.withLock { state in
        defer { (state.bytes, state.begin) = (bytes, nil) }
        return state.bytes
      }
      giveBack(before - bytes)
    }

    /// More of the body has come.
    /// - Throws: `node.busy` when there is no room for it: nothing was set aside, or no longer.
    func arrived(_ count: Int) async throws {
      let missing = state.withLock { state in
        state.arrived += count
        return state.arrived - state.bytes
      }
      guard missing > 0 else { return }
      try await budget.acquire(missing, for: seat)
      state.withLock { $0.bytes += missing }
      seat?.held.add(missing, ordering: .relaxed)
    }

    /// All of the body has come.
    func isWhole() { settle(on: state.withLock { $0.arrived }) }

    /// Gives back what is set aside for a body that comes slower than it must.
    fileprivate func trim(at now: ContinuousClock.Instant) {
      let excess = state.withLock { state in
        guard let begin = state.begin, state.arrived < state.bytes,
          Double(state.arrived) < (now - begin - BodyBudget.grace).inSeconds * BodyBudget.pace
        else { return 0 }
        defer { (state.bytes, state.begin) = (state.arrived, nil) }
        return state.bytes - state.arrived
      }
      giveBack(excess)
    }

    deinit {
      budget.arriving.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(self)) }
      giveBack(state.withLock { $0.bytes })
    }

    private func giveBack(_ bytes: Int) {
      guard bytes != 0 else { return }
      seat?.held.subtract(bytes, ordering: .relaxed)
      budget.giveBack(bytes)
    }
  }

  private struct Arriving {
    weak var share: Share?
  }

  /// How long a connection may keep the server waiting before it loses what it holds to one that needs it.
  static let patience = Duration.milliseconds(500)
  /// How long a request waits for its bytes.
  static let waiting = Duration.milliseconds(1500)
  /// How long nothing of a body need come while others wait for the bytes that are set aside for it, and how many must
  /// come in a second from then on.
  static let grace = Duration.milliseconds(100)
  static let pace = 262_144.0
  private static let look = Duration.milliseconds(10)

  private struct Waiter {
    let number: Int
    let bytes: Int
    let seat: ConnectionTable.Seat?

    var hasSentAhead: Bool { seat?.hasSentAhead ?? false }
  }

  private struct Taken {
    var bytes = 0
    /// In the order in which they have come.
    var waiting: [Waiter] = []
    /// Those that have got what they waited for, and do not know it yet.
    var granted: Set<Int> = []
    var last = 0
  }

  private let limit: Int
  private let table: ConnectionTable
  private let patience: Duration
  private let looks = Throttle(every: look)
  private let taken = Mutex(Taken())
  /// Bodies that bytes are set aside for.
  private let arriving = Mutex<[ObjectIdentifier: Arriving]>([:])

  /// - Parameter table: the connections that may have to go when the bytes are short.
  /// - Parameter patience: how long a request waits.
  init(bytes: Int, table: ConnectionTable, patience: Duration = waiting) {
    limit = bytes
    self.patience = patience
    self.table = table
  }

  /// Waits a moment when that much is not left, for what others give back, or for the end of connections that hold it
  /// and do not move. Of those that wait, the newest goes first: then it does not matter how many have come to wait and
  /// to hold what they get. Those that have sent more requests already go last.
  /// - Parameter seat: whose bytes they are.
  /// - Throws: `node.busy` when that much is not left after all.
  func take(_ bytes: Int, for seat: ConnectionTable.Seat?) async throws -> Share {
    try await acquire(bytes, for: seat)
    return Share(self, bytes, seat, begin: nil)
  }

  /// The same, for a body that is to come.
  func setAside(_ bytes: Int, for seat: ConnectionTable.Seat?) async throws -> Share {
    try await acquire(bytes, for: seat)
    // Until now the client was kept waiting: what does not fit into its connection it could not send.
    seat?.isServed()
    let share = Share(self, bytes, seat, begin: .now)
    arriving.withLock { $0[ObjectIdentifier(share)] = Arriving(share: share) }
    return share
  }

  /// Requests that wait.
  var waiters: Int { taken.withLock { $0.waiting.count } }

  private func acquire(_ bytes: Int, for seat: ConnectionTable.Seat?) async throws {
    guard let number = try enter(bytes, seat) else { return }
    do {
      let deadline = ContinuousClock.now + patience
      repeat {
        if looks.isDue() { makeRoom() }
        try await Task.sleep(for: Self.look)
      } while !isGranted(number) && ContinuousClock.now < deadline
      // On a machine with too much to do that was one look, before anybody had lost anything.
      if !isGranted(number) { makeRoom() }
    } catch {
      if leave(number) { giveBack(bytes) }
      throw error
    }
    guard leave(number) else { throw Self.busy }
  }

  /// - Returns: whom to wait as; nil: the bytes are taken.
  private func enter(_ bytes: Int, _ seat: ConnectionTable.Seat?) throws -> Int? {
    guard bytes <= limit else { throw Self.busy }
    return taken.withLock { taken in
      taken.last += 1
      let waiter = Waiter(number: taken.last, bytes: bytes, seat: seat)
      if taken.bytes + bytes <= limit, taken.waiting.isEmpty || !waiter.hasSentAhead {
        taken.bytes += bytes
        return nil
      }
      taken.waiting.append(waiter)
      return waiter.number
    }
  }

  private func isGranted(_ number: Int) -> Bool { taken.withLock { $0.granted.contains(number) } }

  /// - Returns: whether the bytes are taken.
  private func leave(_ number: Int) -> Bool {
    taken.withLock { taken in
      if taken.granted.remove(number) != nil { return true }
      taken.waiting.removeAll { $0.number == number }
      return false
    }
  }

  private func giveBack(_ bytes: Int) { taken.withLock { $0.bytes -= bytes } }

  private func makeRoom() {
    let now = ContinuousClock.now
    for share in arriving.withLock({ $0.values.compactMap(\.share) }) { share.trim(at: now) }
    let short = taken.withLock { taken in
      grant(&taken)
      return taken.waiting.reduce(taken.bytes - limit) { $0 + $1.bytes }
    }
    if short > 0 { table.makeRoom(bytes: short, patience: Self.patience) }
  }

  private func grant(_ taken: inout Taken) {
    let orderly = taken.waiting.filter { !$0.hasSentAhead }
    let others = taken.waiting.filter(\.hasSentAhead)
    for waiter in orderly.reversed() + others.reversed() where taken.bytes + waiter.bytes <= limit {
      taken.bytes += waiter.bytes
      taken.granted.insert(waiter.number)
    }
    let granted = taken.granted
    taken.waiting.removeAll { granted.contains($0.number) }
  }

  private static let busy = GoudError(
    .nodeBusy, "too many large requests are under way", hint: "try again in a moment", context: ["retry-after": "1"])
}

/// Lets one of many through at a time, so often at most.
private final class Throttle: Sendable {
  private let interval: Duration
  private let next = Mutex(ContinuousClock.now)

  init(every interval: Duration) { self.interval = interval }

  func isDue() -> Bool {
    next.withLock { next in
      let now = ContinuousClock.now
      guard now >= next else { return false }
      next = now + interval
      return true
    }
  }
}
