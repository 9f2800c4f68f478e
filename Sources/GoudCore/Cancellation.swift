import Synchronization

#if canImport(Glibc)
  public import Glibc
#endif

/// Whether this run has been asked to stop. Long loops call `check()` once per chunk (1 MiB) or file.
///
/// One token per run; copies share it. A signal handler may call `cancel`: it only stores an atomic.
public final class Cancellation: Sendable {
  private let signal = Atomic<Int32>(0)

  public init() {}

  /// Asks the run to stop. The first reason stays.
  public func cancel(signal number: Int32 = SIGTERM) {
    _ = signal.compareExchange(expected: 0, desired: number, ordering: .relaxed)
  }

  public var isCancelled: Bool { signal.load(ordering: .relaxed) != 0 }

  /// - Throws: `run.interrupted` after SIGINT, `run.terminated` after any other reason.
  public func check() throws {
    switch signal.load(ordering: .relaxed) {
    case 0: return
    case SIGINT: throw GoudError(.interrupted, "interrupted")
    default: throw GoudError(.terminated, "terminated")
    }
  }
}
