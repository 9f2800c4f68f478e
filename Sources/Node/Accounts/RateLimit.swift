import GoudCore
import Synchronization

/// How often each client may do something that costs: a bucket of `burst` that fills by `perSecond`, one per address.
/// At most 4096 addresses are remembered; the one seen longest ago is forgotten, and starts afresh.
final class RateLimit: Sendable {
  private struct Bucket {
    var tokens: Double
    var filled: ContinuousClock.Instant
  }

  private let burst: Double
  private let perSecond: Double
  private let buckets = Mutex(BoundedCache<String, Bucket>(capacity: 4096))

  init(burst: Int, perSecond: Double) {
    self.burst = Double(burst)
    self.perSecond = perSecond
  }

  /// Takes one from the bucket of `client`.
  /// - Throws: `request.too-many`, with the seconds to wait as its context's `retry-after`.
  func take(_ client: String, at now: ContinuousClock.Instant = .now) throws {
    let missing = buckets.withLock { buckets -> Double in
      var bucket = buckets.value(for: client) ?? Bucket(tokens: burst, filled: now)
      bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled).inSeconds * perSecond)
      bucket.filled = now
      let missing = 1 - bucket.tokens
      if missing <= 0 { bucket.tokens -= 1 }
      buckets.insert(bucket, for: client)
      return missing
    }
    guard missing > 0 else { return }
    throw GoudError(
      .requestRate, "too many of these requests from \(client)", hint: "wait, and reuse the session token meanwhile",
      context: ["retry-after": "\(Int((missing / perSecond).rounded(.up)))"])
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
