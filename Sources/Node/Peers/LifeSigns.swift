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
  private let first = Mutex<PeerFault?>(nil)

  init() { (faults, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

  /// Why this side has ended the stream. The first reason counts.
  var reason: PeerFault? { first.withLock { $0 } }

  /// Ends the stream, whatever is still queued.
  func now(_ fault: PeerFault) {
    later(fault)
    input.yield(fault)
  }

  /// The stream is going to end, once what is queued has been sent.
  func later(_ fault: PeerFault) { first.withLock { $0 = $0 ?? fault } }

  /// - Throws: the fault of `now`.
  func wait() async throws {
    for await fault in faults { throw fault }
    throw CancellationError()
  }
}
