import GoudCore
import Synchronization

/// Bytes of requests and answers that are held at once.
final class BodyBudget: Sendable {
  /// What was taken; given back when the last reference goes.
  final class Share: Sendable {
    private let budget: BodyBudget
    private let seat: ConnectionTable.Seat?
    private let bytes: Atomic<Int>

    fileprivate init(_ budget: BodyBudget, _ bytes: Int, _ seat: ConnectionTable.Seat?) {
      self.budget = budget
      self.bytes = Atomic(bytes)
      self.seat = seat
      seat?.held.add(bytes, ordering: .relaxed)
    }

    /// What it has come to: gives back the rest, or takes what is missing, also when that is not left.
    func settle(on bytes: Int) {
      let before = self.bytes.exchange(bytes, ordering: .relaxed)
      giveBack(before - bytes)
    }

    deinit { giveBack(bytes.load(ordering: .relaxed)) }

    private func giveBack(_ bytes: Int) {
      seat?.held.subtract(bytes, ordering: .relaxed)
      budget.taken.subtract(bytes, ordering: .relaxed)
    }
  }

  /// How long a connection may keep the server waiting before it loses what it holds to one that needs it.
  static let patience = Duration.milliseconds(500)
  /// How long a request waits for its bytes.
  static let waiting = Duration.milliseconds(1500)
  private static let look = Duration.milliseconds(10)

  private let limit: Int
  private let table: ConnectionTable
  private let looks = Throttle(every: look)
  private let taken = Atomic<Int>(0)

  /// - Parameter table: the connections that may have to go when the bytes are short.
  init(bytes: Int, table: ConnectionTable) {
    limit = bytes
    self.table = table
  }

  /// Waits a moment when that much is not left, for what others give back, or for the end of connections that hold it
  /// and do not move.
  /// - Parameter seat: whose bytes they are.
  /// - Throws: `node.busy` when that much is not left after all.
  func take(_ bytes: Int, for seat: ConnectionTable.Seat?) async throws -> Share {
    if let share = share(bytes, seat) { return share }
    let deadline = ContinuousClock.now + Self.waiting
    while bytes <= limit, ContinuousClock.now < deadline {
      if looks.isDue() { table.makeRoom(bytes: bytes, patience: Self.patience) }
      try await Task.sleep(for: Self.look)
      if let share = share(bytes, seat) { return share }
    }
    throw GoudError(
      .nodeBusy, "too many large requests are under way", hint: "try again in a moment", context: ["retry-after": "1"])
  }

  private func share(_ bytes: Int, _ seat: ConnectionTable.Seat?) -> Share? {
    guard taken.add(bytes, ordering: .relaxed).newValue <= limit else {
      taken.subtract(bytes, ordering: .relaxed)
      return nil
    }
    return Share(self, bytes, seat)
  }
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
