import Synchronization

/// How many requests there were, and how long their answers took. Routes and methods come from fixed lists, so that no
/// client can make it grow.
final class RequestMetrics: Sendable {
  struct Counted: Hashable {
    let route: String
    let method: String
    let status: Int
  }

  struct Histogram {
    /// Answers per bucket, the last one open: not summed up yet.
    var counts = [UInt64](repeating: 0, count: RequestMetrics.bounds.count + 1)
    var seconds = 0.0

    mutating func observe(_ duration: Double) {
      counts[RequestMetrics.bounds.firstIndex { duration <= $0 } ?? RequestMetrics.bounds.count] += 1
      seconds += duration
    }
  }

  private struct Figures {
    var requests: [Counted: UInt64] = [:]
    var durations: [String: Histogram] = [:]
  }

  /// Upper bounds of the buckets, in seconds.
  static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  private let figures = Mutex(Figures())
  private let current = Atomic<Int>(0)

  func begin() { current.add(1, ordering: .relaxed) }

  func end(route: String, method: String, status: Int, seconds: Double) {
    current.subtract(1, ordering: .relaxed)
    figures.withLock { figures in
      figures.requests[Counted(route: route, method: method, status: status), default: 0] += 1
      figures.durations[route, default: Histogram()].observe(seconds)
    }
  }

  func write(to exposition: inout Exposition) {
    let figures = figures.withLock { $0 }
    exposition.gauge(
      "goud_http_requests_in_progress", "Requests being read or answered.", Double(current.load(ordering: .relaxed)))
    exposition.family("goud_http_requests_total", .counter, "Requests answered, by route, method and status.") {
      family in
      for (key, count) in figures.requests.sorted(by: { $0.key < $1.key }) {
        family.sample(Double(count), ["route": key.route, "method": key.method, "status": "\(key.status)"])
      }
    }
    exposition.family(
      "goud_http_request_duration_seconds", .histogram, "From the head of a request to its answer being handed over."
    ) { family in
      for (route, histogram) in figures.durations.sorted(by: { $0.key < $1.key }) {
        var sum: UInt64 = 0
        for (bound, count) in zip(Self.bounds + [.infinity], histogram.counts) {
          sum += count
          family.sample(Double(sum), ["route": route, "le": Exposition.number(bound)], suffix: "_bucket")
        }
        family.sample(histogram.seconds, ["route": route], suffix: "_sum")
        family.sample(Double(sum), ["route": route], suffix: "_count")
      }
    }
  }
}

extension RequestMetrics.Counted: Comparable {
  static func < (a: Self, b: Self) -> Bool { (a.route, a.method, a.status) < (b.route, b.method, b.status) }
}
