import NIOCore

/// The outermost part of a connection: shuts it at once when it is told to, without a farewell that a client who does not
/// move would have to hear (TLS waits for an answer to its own).
final class ConnectionDoor: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  /// Fired through a connection, from whichever thread.
  struct Shut: Sendable {}

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is Shut { context.close(promise: nil) } else { context.fireUserInboundEventTriggered(event) }
  }
}
