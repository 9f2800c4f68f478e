import GRPCCore
import Synchronization

/// Messages to one peer, in order, that wait for its connection to take them. `offer` never waits, so that one slow peer
/// keeps nobody else waiting; a peer for which too much has piled up is given up instead.
final class Outbox<Message: Sendable>: Sendable {
  private let stream: AsyncStream<(Message, bytes: Int)>
  private let input: AsyncStream<(Message, bytes: Int)>.Continuation
  private let waiting = Atomic<Int>(0)

  /// Bounded by `PeerLimits.outboxMessages` and `outboxBytes`.
  init() {
    (stream, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(PeerLimits.outboxMessages))
  }

  /// Puts a message at the end of the queue.
  /// - Parameter bytes: about what it weighs.
  /// - Returns: false when the queue is full or closed: the message is lost, and the peer is to be dropped.
  func offer(_ message: Message, bytes: Int = 64) -> Bool {
    guard waiting.add(bytes, ordering: .relaxed).newValue <= PeerLimits.outboxBytes else { return false }
    if case .enqueued = input.yield((message, bytes)) { return true }
    return false
  }

  /// About what waits for the connection.
  var waitingBytes: Int { waiting.load(ordering: .relaxed) }

  /// What was offered before is still sent; what is offered later is not.
  func close() { input.finish() }

  /// Writes until `close`, or until the connection breaks.
  func drain(to writer: RPCWriter<Message>) async throws {
    for await (message, bytes) in stream {
      try await writer.write(message)
      waiting.subtract(bytes, ordering: .relaxed)
    }
  }
}
