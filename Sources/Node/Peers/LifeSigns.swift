import Synchronization

/// Runs all of `operations` at once until the first one ends or throws; then the others are cancelled and waited for.
func race(_ operations: (@Sendable () async throws -> Void)...) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for operation in operations { group.addTask(operation: operation) }
    defer { group.cancelAll() }
    try await group.next()
  }
}

/// When something was last heard on a stream, and how long it may be silent.
final class LifeSigns: Sendable {
  private let state = Mutex((last: ContinuousClock.now, allowed: PeerLimits.handshake))

  func heard() { state.withLock { $0.last = .now } }

  /// From the end of the handshake on, a shorter silence is the end.
  func established() { state.withLock { $0 = (.now, PeerLimits.silence) } }

  /// Returns only when its task is cancelled.
  /// - Throws: `peer.silent` as soon as nothing has been heard for too long.
  func watch() async throws {
    while true {
      let (last, allowed) = state.withLock { $0 }
      let left = last + allowed - .now
      guard left > .zero else { throw PeerFault(.silent, "nothing was heard for \(allowed.components.seconds) s") }
      try await Task.sleep(for: max(left, .milliseconds(50)))
    }
  }
}

/// The end of a stream that its own side decides on.
final class EndOfStream: Sendable {
  private let faults: AsyncStream<PeerFault>
  private let input: AsyncStream<PeerFault>.Continuation

  init() { (faults, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

  /// The first fault counts.
  func now(_ fault: PeerFault) { input.yield(fault) }

  /// - Throws: the fault, once there is one.
  func wait() async throws {
    for await fault in faults { throw fault }
    throw CancellationError()
  }
}
