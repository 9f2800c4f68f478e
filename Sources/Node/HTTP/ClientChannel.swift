import HummingbirdCore
import Logging
import NIOCore

#if canImport(Glibc)
  import Glibc
#endif

/// A client's connection, with small buffers, behind a door: plain, or TLS around what it would be.
struct ClientChannel<Base: ServerChildChannel>: ServerChildChannel {
  private let base: Base

  init(_ base: Base) { self.base = base }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
    channel.eventLoop.makeCompletedFuture {
      try channel.syncOptions.map(ClientSocket.set)
      try channel.pipeline.syncOperations.addHandler(ConnectionDoor())
    }.flatMap { base.setup(channel: channel, logger: logger) }
  }

  func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// HTTP/1.1 as Hummingbird speaks it, behind a `RequestGate`.
struct GatedChannel: ServerChildChannel {
  private let base: HTTP1Channel

  init(_ base: HTTP1Channel) { self.base = base }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(RequestGate()) }
      .flatMap { base.setup(channel: channel, logger: logger) }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

private enum ClientSocket {
  /// Bytes read at once.
  static let readBytes = 16 << 10
  /// Bytes that the system keeps besides those that are on their way to the client. What goes beyond stays with the
  /// connection, and is counted.
  static let unsentBytes: SocketOptionValue = 16 << 10

  static func set(_ options: any NIOSynchronousChannelOptions) throws {
    try options.setOption(.maxMessagesPerRead, value: 1)
    try options.setOption(
      .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2048, maximum: readBytes))
    // A part of an answer is taken when all before it has gone: what has been taken to the end is with the client, or on
    // its way, and nothing of it is here.
    try options.setOption(.writeBufferWaterMark, value: ChannelOptions.Types.WriteBufferWaterMark(low: 1, high: 1))
    try options.setOption(.tcpOption(.init(rawValue: TCP_NOTSENT_LOWAT)), value: unsentBytes)
  }
}
