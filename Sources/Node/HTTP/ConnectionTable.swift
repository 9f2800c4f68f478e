import NIOCore
import Synchronization

/// The connections of a server, at most so many. A new one that finds the table full takes the place of the one that
/// has kept the server waiting longest, so that clients that say nothing, or everything slowly, keep nobody out; when the
/// server works on the requests of all, the new one is turned away.
final class ConnectionTable: Sendable {
  /// A connection's place. `waits` is set by its own thread, and read by those that look for a place.
  final class Seat: Sendable {
    fileprivate let channel: any Channel
    /// Since when the server waits for it, in nanoseconds of uptime; 0: it waits for the server.
    fileprivate let waitsSince: Atomic<UInt64>

    fileprivate init(_ channel: any Channel) {
      self.channel = channel
      waitsSince = Atomic(NIODeadline.now().uptimeNanoseconds)
    }

    /// The next move is the client's.
    var waits: Bool {
      get { waitsSince.load(ordering: .relaxed) != 0 }
      set {
        guard newValue != waits else { return }
        waitsSince.store(newValue ? NIODeadline.now().uptimeNanoseconds : 0, ordering: .relaxed)
      }
    }
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
        removed = seats.values.filter(\.waits).min {
          $0.waitsSince.load(ordering: .relaxed) < $1.waitsSince.load(ordering: .relaxed)
        }
        guard let removed else { return (false, nil) }
        seats.removeValue(forKey: ObjectIdentifier(removed))
      }
      seats[ObjectIdentifier(seat)] = seat
      return (true, removed)
    }
    removed?.channel.close(promise: nil)
    return admitted ? seat : nil
  }

  func leave(_ seat: Seat) { seats.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(seat)) } }
}
