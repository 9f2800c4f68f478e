import GRPCCore
import GRPCNIOTransportHTTP2
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Accepts connections on a node's peer port, and hands those to gRPC whose other end has proven to be a validator. An
/// unproven one has no HTTP/2, no call and no buffer: a silent one costs a socket, one that speaks a TLS handshake.
struct PeerListener: HTTP2ServerTransport.ListenerFactory {
  typealias Connections = NIOAsyncChannel<HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never>

  var eventLoopGroup: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }
  /// Taken over when it is served.
  let socket: Int
  let identity: NodeIdentity
  let seats: PeerSeats
  let book: PeerBook

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> Connections {
    let bootstrap = ServerBootstrap(group: eventLoopGroup)
      .serverChannelInitializer { channel in
        listenerConfigurator.configure(channel: channel).flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            Doorkeeper(proof: PeerProof(identity), self, connectionConfigurator))
        }
      }
    // On the listening channel's loop, before it accepts anything.
    return try await bootstrap.withBoundSocket(NIOBSDSocket.Handle(socket)).flatMapThrowing { channel in
      let exit = Exit()
      try channel.pipeline.syncOperations.addHandler(Reception(exit))
      let connections = try Connections(
        wrappingChannelSynchronously: channel,
        configuration: .init(
          inboundType: HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel.self, outboundType: Never.self))
      try channel.pipeline.syncOperations.addHandler(exit)
      return connections
    }.get()
  }
}

/// A connection that gRPC may serve.
private struct ProvenConnection: Sendable {
  let connection: HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel
}

/// On the listening channel: proven connections go on to gRPC; what was accepted passes it by, to be registered; and one
/// that fails ends nothing but itself.
private final class Reception: ChannelInboundHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel

  private let exit: Exit

  init(_ exit: Exit) { self.exit = exit }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { exit.pass(data) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard let proven = event as? ProvenConnection else { return context.fireUserInboundEventTriggered(event) }
    context.fireChannelRead(Self.wrapInboundOut(proven.connection))
    context.fireChannelReadComplete()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Behind gRPC's part of the listening channel.
private final class Exit: ChannelInboundHandler {
  typealias InboundIn = HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel

  private var context: ChannelHandlerContext?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// What comes out of gRPC's part has been taken.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func pass(_ accepted: NIOAny) { context?.fireChannelRead(accepted) }
}

/// In front of TLS: gives a connection its place and its time, and begins TLS with its first byte.
private final class Doorkeeper: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let proof: PeerProof
  private let listener: PeerListener
  private let configurator: HTTP2ServerTransport.ConnectionConfigurator
  private var deadline: Scheduled<Void>?
  private var ends = ""
  private var spoke = false

  init(
    proof: PeerProof, _ listener: PeerListener, _ configurator: HTTP2ServerTransport.ConnectionConfigurator
  ) {
    self.proof = proof
    self.listener = listener
    self.configurator = configurator
  }

  func channelActive(context: ChannelHandlerContext) {
    ends = PeerSeats.ends(context.channel)
    listener.seats.enter(context.channel)
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(PeerLimits.handshake)) {
      context.close(promise: nil)
    }
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !spoke {
      spoke = true
      listener.seats.spoke(context.channel)
      do {
        try beginTLS(context)
      } catch {
        return context.close(promise: nil)
      }
    }
    context.fireChannelRead(data)
  }

  private func beginTLS(_ context: ChannelHandlerContext) throws {
    let proof = proof
    let gate = Gate(proof: proof, listener, configurator, open: { self.deadline?.cancel() })
    try context.pipeline.syncOperations.addHandlers([
      NIOSSLServerHandler(
        context: try listener.identity.credentials.server(),
        customVerificationCallback: { proof.check($0, $1) }),
      gate,
    ])
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    listener.seats.leave(context.channel, ends: ends)
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The node stops: nobody waits for one that has proven nothing.
    if event is ChannelShouldQuiesceEvent && proof.node == nil { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  /// Before TLS has begun.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if spoke { context.fireErrorCaught(error) } else { context.close(promise: nil) }
  }
}

/// Behind TLS: lets gRPC in when the handshake is over and the other end is a validator.
private final class Gate: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let proof: PeerProof
  private let listener: PeerListener
  private let configurator: HTTP2ServerTransport.ConnectionConfigurator
  private let open: () -> Void
  private var isOpen = false
  /// As long as its channel: what was not taken any more because the node stops must not be gone before that.
  private var connection: HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel?

  init(
    proof: PeerProof, _ listener: PeerListener, _ configurator: HTTP2ServerTransport.ConnectionConfigurator,
    open: @escaping () -> Void
  ) {
    self.proof = proof
    self.listener = listener
    self.configurator = configurator
    self.open = open
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted(let negotiated)? = event as? TLSUserEvent {
      // A session that is taken up again proves nothing here.
      guard let node = proof.node, negotiated == "h2" else { return context.close(promise: nil) }
      open()
      isOpen = true
      listener.seats.seat(context.channel, as: node)
      let channel = context.channel
      configurator.configure(channel: channel, tls: .configured(requireALPN: true)).assumeIsolated().whenComplete {
        switch $0 {
        case .success(let connection):
          self.connection = connection
          channel.parent?.pipeline.fireUserInboundEventTriggered(ProvenConnection(connection: connection))
        case .failure: channel.close(promise: nil)
        }
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func handlerRemoved(context: ChannelHandlerContext) { connection = nil }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !isOpen else { return context.fireErrorCaught(error) }
    if let fault = proof.fault { listener.book.dropped(context.remoteAddress?.description ?? "unknown", fault) }
    context.close(promise: nil)
  }
}
