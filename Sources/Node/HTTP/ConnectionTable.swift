import NIOCore
import Synchronization

/// The connections of a server, at most so many. A new one that finds the table full takes the place of one that keeps
/// the server waiting: first of those that do not take their answers, then of those that say nothing, or everything
/// slowly; of each the one that has done so longest. When the server works on the requests of all, the new one is let in
/// beyond the limit, up to an eighth of it, and the next connection that has its answer goes in its place: whoever asks
/// again and again does not stay because it is never found waiting. Beyond that, a new one is turned away.
final class ConnectionTable: Sendable {
  /// For whom a connection waits.
  enum Waiting: UInt64 {
    case nobody, unread, client
  }

  /// A connection's place. Its waiting is set by its own thread, and read by those that look for a place.
  final class Seat: Sendable {
    fileprivate let channel: any Channel
    /// Who goes first has the lowest: since when the server waits, in nanoseconds of uptime, the upper half of the
    /// numbers for those whose answers are not the reason; 0: it waits for the server.
    fileprivate let rank: Atomic<UInt64>
    /// Whether it has ever begun a request.
    private let hasBegun = Atomic<Bool>(false)
    /// Bytes of the budget that its request and its answer hold.
    let held = Atomic<Int>(0)
    /// Whether more has come than the request under way.
    var hasSentAhead: Bool {
      get { sentAhead.load(ordering: .relaxed) }
      set { sentAhead.store(newValue, ordering: .relaxed) }
    }
    private let sentAhead = Atomic<Bool>(false)

    private static let upper: UInt64 = 1 << 63

    fileprivate init(_ channel: any Channel) {
      self.channel = channel
      rank = Atomic(NIODeadline.now().uptimeNanoseconds | Self.upper)
    }

    func waits(_ waiting: Waiting) {
      let now = rank.load(ordering: .relaxed)
      let present: Waiting = now == 0 ? .nobody : now < Self.upper ? .unread : .client
      guard waiting != present else { return }
      let since = NIODeadline.now().uptimeNanoseconds
      rank.store(
        waiting == .nobody ? 0 : waiting == .unread ? since : since | Self.upper, ordering: .relaxed)
    }

    /// A request begins: the client's time begins anew, however long it has rested before.
    func begins() {
      hasBegun.store(true, ordering: .relaxed)
      rank.store(NIODeadline.now().uptimeNanoseconds | Self.upper, ordering: .relaxed)
    }

    /// The server has kept the client waiting until now: if it waits for the client, it does so from here on.
    func isServed() {
      let present = rank.load(ordering: .relaxed)
      guard present >= Self.upper else { return }
      // Unless its own thread has said something else meanwhile.
      _ = rank.compareExchange(
        expected: present, desired: NIODeadline.now().uptimeNanoseconds | Self.upper, ordering: .relaxed)
    }

    /// It has come a moment ago, and had no time to ask for anything.
    fileprivate func isNew(_ rank: UInt64) -> Bool {
      !hasBegun.load(ordering: .relaxed) && rank >= Self.upper
        && NIODeadline.now() - NIODeadline.uptimeNanoseconds(rank & (Self.upper - 1)) < ConnectionTable.newTime
    }

    /// Closes the connection, whatever is under way.
    fileprivate func shut() { channel.pipeline.fireUserInboundEventTriggered(ConnectionDoor.Shut()) }

    fileprivate var since: UInt64 { rank.load(ordering: .relaxed) & (Self.upper - 1) }
  }

  /// How long a connection is a new one.
  private static let newTime = TimeAmount.seconds(1)
  /// How long the end of a connection, and with it of what it holds, may take.
  private static let endTime = TimeAmount.seconds(1)

  private struct State {
    var seats: [ObjectIdentifier: Seat] = [:]
    /// Those that were told to go, and may still hold bytes.
    var going: [(seat: Seat, since: NIODeadline)] = []

    /// - Returns: whether it had a place.
    @discardableResult
    mutating func remove(_ seat: Seat) -> Bool {
      let name = ObjectIdentifier(seat.channel)
      guard seats[name] === seat else { return false }
      seats.removeValue(forKey: name)
      return true
    }

    /// Each with its rank at this moment.
    var ranked: [(rank: UInt64, seat: Seat)] {
      seats.values.map { ($0.rank.load(ordering: .relaxed), $0) }
    }
  }

  private let limit: Int
  /// With those beyond the limit.
  private var most: Int { limit + limit / 8 }
  private let state = Mutex(State())
  /// Those in it, for a look without waiting.
  private let present = Atomic<Int>(0)

  init(limit: Int) { self.limit = limit }

  var count: Int { present.load(ordering: .relaxed) }

  /// nil: there is no place, and none can be made.
  func admit(_ channel: any Channel) -> Seat? {
    let seat = Seat(channel)
    let (admitted, removed) = change { state -> (Bool, [Seat]) in
      var removed: [Seat] = []
      while state.seats.count >= limit, let first = firstToGo(state.ranked) {
        state.remove(first)
        removed.append(first)
      }
      guard state.seats.count < most else { return (false, removed) }
      state.seats[ObjectIdentifier(channel)] = seat
      return (true, removed)
    }
    for seat in removed { seat.shut() }
    return admitted ? seat : nil
  }

  /// Of a full table; nil: none.
  private func firstToGo(_ seats: [(rank: UInt64, seat: Seat)]) -> Seat? {
    let waiting = seats.filter { $0.rank != 0 }
    if let seat = waiting.filter({ !$0.seat.isNew($0.rank) }).min(by: { $0.rank < $1.rank })?.seat { return seat }
    // New ones do not drive each other out while one of those that are worked on will soon make room.
    guard waiting.count == seats.count || seats.count >= most else { return nil }
    return waiting.min { $0.rank < $1.rank }?.seat
  }

  func leave(_ seat: Seat) { change { $0.remove(seat) } }

  /// Takes its place from a connection that has its answer, when others have come beyond the limit.
  /// - Returns: whether it has to go.
  func takesBack(_ seat: Seat) -> Bool {
    guard count > limit else { return false }
    return change { $0.seats.count > limit && $0.remove(seat) }
  }

  /// The place of a connection; nil when it has lost it, or never had one.
  func seat(of channel: any Channel) -> Seat? { state.withLock { $0.seats[ObjectIdentifier(channel)] } }

  /// Closes connections that hold bytes of the budget and have kept the server waiting for `patience`, as they would
  /// lose their places, until what they held, and what those hold that are about to end, is `bytes` or more.
  func makeRoom(bytes: Int, patience: Duration) {
    let now = NIODeadline.now()
    let latest = (now - TimeAmount(patience)).uptimeNanoseconds
    let removed = change { state -> [Seat] in
      state.going.removeAll { $0.seat.held.load(ordering: .relaxed) == 0 || now - $0.since > Self.endTime }
      var freed = state.going.reduce(0) { $0 + $1.seat.held.load(ordering: .relaxed) }
      guard freed < bytes else { return [] }
      let candidates = state.ranked.filter {
        $0.rank != 0 && $0.seat.since <= latest && $0.seat.held.load(ordering: .relaxed) > 0
      }
      var removed: [Seat] = []
      for (_, seat) in candidates.sorted(by: { $0.rank < $1.rank }) where freed < bytes {
        freed += seat.held.load(ordering: .relaxed)
        state.remove(seat)
        state.going.append((seat, now))
        removed.append(seat)
      }
      return removed
    }
    for seat in removed { seat.shut() }
  }

  @discardableResult
  private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    state.withLock { state in
      defer { present.store(state.seats.count, ordering: .relaxed) }
      return body(&state)
    }
  }
}
