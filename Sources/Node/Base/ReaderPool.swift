import GoudCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Threads for calls that block: reads of the ledger, walks through a directory. As many calls as there are threads run
/// at once, a bounded number waits, and more than that is refused.
///
/// Once half of the places are taken, no owner may have more than a quarter of them: however much one asks at a time,
/// there is a place for others.
final class ReaderPool: Sendable, Service {
  private let threads: NIOThreadPool
  private let bound: Int
  private let present = Mutex(Present())

  private struct Present {
    var calls = 0
    /// Those of each owner that has any.
    var callsOf: [[UInt8]: Int] = [:]
  }

  /// - Parameter waiting: how many calls may wait for a thread.
  init(threads count: Int, waiting: Int) {
    threads = NIOThreadPool(numberOfThreads: count)
    bound = count + waiting
    threads.start()
  }

  /// Calls that run or wait.
  var calls: Int { present.withLock { $0.calls } }

  /// Runs `body` on one of the threads.
  /// - Parameter owner: whose call it is; nil: nobody's in particular.
  /// - Throws: `node.busy` when too many calls wait already; what `body` throws.
  func run<Result: Sendable>(
    for owner: [UInt8]? = nil, _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try begin(owner)
    defer { end(owner) }
    return try await threads.runIfActive(body)
  }

  private func begin(_ owner: [UInt8]?) throws {
    try present.withLock { present in
      guard present.calls < bound else { throw Self.busy("\(bound) reads are running or waiting already") }
      if let owner {
        let own = present.callsOf[owner, default: 0]
        guard 2 * present.calls < bound || 4 * own < bound else {
          throw Self.busy("\(own) reads of this account are running or waiting already")
        }
        present.callsOf[owner] = own + 1
      }
      present.calls += 1
    }
  }

  private func end(_ owner: [UInt8]?) {
    present.withLock { present in
      present.calls -= 1
      guard let owner, let own = present.callsOf[owner] else { return }
      present.callsOf[owner] = own > 1 ? own - 1 : nil
    }
  }

  private static func busy(_ message: String) -> GoudError {
    GoudError(.nodeBusy, message, hint: "try again in a moment", context: ["retry-after": "1"])
  }

  /// Keeps the threads until the node stops.
  func run() async throws {
    try? await gracefulShutdown()
    try await threads.shutdownGracefully()
  }
}
