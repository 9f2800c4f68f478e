import GoudCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Threads for calls that block: reads of the ledger, walks through a directory. As many calls as there are threads run
/// at once, a bounded number waits, and more than that is refused.
final class ReaderPool: Sendable, Service {
  private let threads: NIOThreadPool
  private let bound: Int
  private let present = Atomic<Int>(0)

  /// - Parameter waiting: how many calls may wait for a thread.
  init(threads count: Int, waiting: Int) {
    threads = NIOThreadPool(numberOfThreads: count)
    bound = count + waiting
    threads.start()
  }

  /// Calls that run or wait.
  var calls: Int { present.load(ordering: .relaxed) }

  /// Runs `body` on one of the threads.
  /// - Throws: `node.busy` when too many calls wait already; what `body` throws.
  func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    guard present.add(1, ordering: .relaxed).newValue <= bound else {
      present.subtract(1, ordering: .relaxed)
      throw GoudError(
        .nodeBusy, "\(bound) reads are running or waiting already", hint: "try again in a moment",
        context: ["retry-after": "1"])
    }
    defer { present.subtract(1, ordering: .relaxed) }
    return try await threads.runIfActive(body)
  }

  /// Keeps the threads until the node stops.
  func run() async throws {
    try? await gracefulShutdown()
    try await threads.shutdownGracefully()
  }
}
