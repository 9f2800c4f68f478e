import NIOCore
import Synchronization

/// The connections of a server, at most so many. A new one that finds the table full takes the place of one that keeps
/// the server waiting: first of those that do not take their answers, then of those that say nothing, or everything
/// slowly; of each the one that has done so longest. When the server works on the requests of all, the new one is turned
/// away.
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
    /// Bytes of the budget that its request and its answer hold.
    let held = Atomic<Int>(0)

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

    /// Closes the connection, whatever is under way.
    fileprivate func shut() { channel.pipeline.fireUserInboundEventTriggered(ConnectionDoor.Shut()) }

    fileprivate var since: UInt64 { rank.load(ordering: .relaxed) & (Self.upper - 1) }
  }

  private let limit: Int
  private let seats = Mutex<[ObjectIdentifier: Seat]>([:])

  init(limit: Int) { self.limit = limit }

  var count: Int { seats.withLock { $0.count } }

  /// nil: there is no place, and none can be made.
  func admit(_ channel: any Channel) -> Seat? {
    let seat = Seat(channel)
    let (admitted, removed) = seats.withLock { seats -> (Bool, Seat?) in
      var removed: Seat?
      if seats.count >= limit {
        removed = Self.waiting(seats).min { $0.rank < $1.rank }?.seat
        guard let removed else { return (false, nil) }
        seats.removeValue(forKey: ObjectIdentifier(removed.channel))
      }
      seats[ObjectIdentifier(channel)] = seat
      return (true, removed)
    }
    removed?.shut()
    return admitted ? seat : nil
  }

  func leave(_ seat: Seat) {
    seats.withLock { seats in
      if seats[ObjectIdentifier(seat.channel)] === seat { seats.removeValue(forKey: ObjectIdentifier(seat.channel)) }
    }
  }

  /// The place of a connection; nil when it has lost it, or never had one.
  func seat(of channel: any Channel) -> Seat? { seats.withLock { $0[ObjectIdentifier(channel)] } }

  /// Closes connections that hold bytes of the budget and have kept the server waiting for `patience`, as they would
  /// lose their places, until what they held is `bytes` or more.
  func makeRoom(bytes: Int, patience: Duration) {
    let latest = NIODeadline.now() - TimeAmount(patience)
    let removed = seats.withLock { seats in
      var freed = 0
      var removed: [Seat] = []
      let candidates = Self.waiting(seats).filter {
        $0.seat.since <= latest.uptimeNanoseconds && $0.seat.held.load(ordering: .relaxed) > 0
      }
      for (_, seat) in candidates.sorted(by: { $0.rank < $1.rank }) where freed < bytes {
        freed += seat.held.load(ordering: .relaxed)
        seats.removeValue(forKey: ObjectIdentifier(seat.channel))
        removed.append(seat)
      }
      return removed
    }
    for seat in removed { seat.shut() }
  }

  private static func waiting(_ seats: [ObjectIdentifier: Seat]) -> [(rank: UInt64, seat: Seat)] {
    seats.values.compactMap { seat in
      let rank = seat.rank.load(ordering: .relaxed)
      return rank == 0 ? nil : (rank, seat)
    }
  }
}
