import GoudCore
import Synchronization

/// How often each owner may do something that costs: a bucket of `burst` that fills by `perSecond`, one per owner. At
/// most 4096 owners are remembered; the one seen longest ago is forgotten, and starts afresh.
final class RateLimit<Owner: Hashable & Sendable>: Sendable {
  private struct Bucket {
    var tokens: Double
    var filled: ContinuousClock.Instant
  }

  private let what: String
  private let burst: Double
  private let perSecond: Double
  private let buckets = Mutex(BoundedCache<Owner, Bucket>(capacity: 4096))

  /// - Parameter what: is counted, for people: `logins`.
  init(_ what: String, burst: Int, perSecond: Double) {
    self.what = what
    self.burst = Double(burst)
    self.perSecond = perSecond
  }

  /// Takes one from the bucket of `owner`.
  /// - Throws: `request.too-many`, with the seconds to wait as its context's `retry-after`.
  func take(_ owner: Owner, at now: ContinuousClock.Instant = .now) throws {
    let missing = buckets.withLock { buckets -> Double in
      var bucket = buckets.value(for: owner) ?? Bucket(tokens: burst, filled: now)
      bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled).inSeconds * perSecond)
      bucket.filled = now
      let missing = 1 - bucket.tokens
      if missing <= 0 { bucket.tokens -= 1 }
      buckets.insert(bucket, for: owner)
      return missing
    }
    guard missing > 0 else { return }
    throw GoudError(
      .requestRate, "too many \(what)", hint: "wait as long as Retry-After says",
      context: ["retry-after": "\(Int((missing / perSecond).rounded(.up)))"])
  }
}

/// How often a client may do something, told by its address: an IPv4 address is one client. Whoever has an address of
/// IPv6 usually has 2^64 of them and often 2^80, so a /64 is one client, and a /48 together has 16 times as much.
final class ClientRate: Sendable {
  static let wholeShare = 16

  private let clients: RateLimit<IPNetwork>
  private let wholes: RateLimit<IPNetwork>

  init(_ what: String, burst: Int, perSecond: Double) {
    clients = RateLimit("\(what) from this address", burst: burst, perSecond: perSecond)
    wholes = RateLimit(
      "\(what) from this network", burst: Self.wholeShare * burst, perSecond: Double(Self.wholeShare) * perSecond)
  }

  /// - Throws: see `RateLimit.take`.
  func take(_ client: IPAddress, at now: ContinuousClock.Instant = .now) throws {
    guard !client.isIPv4 else { return try clients.take(IPNetwork(of: client, bits: 128), at: now) }
    // What one client is refused takes nothing from its neighbours.
    try clients.take(IPNetwork(of: client, bits: 64), at: now)
    try wholes.take(IPNetwork(of: client, bits: 48), at: now)
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
