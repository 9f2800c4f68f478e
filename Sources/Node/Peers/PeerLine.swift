import Foundation
import GRPCNIOTransportHTTP2
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// The way to one validator: TCP, TLS, its proof, and only then anything else.
final class PeerLine: Sendable {
  typealias Configured = HTTP2ClientTransport.WrappedChannel.ConfiguredChannel

  private let peer: PeerAddress
  private let identity: NodeIdentity
  private let proof: PeerProof
  private let channels = Mutex((closed: false, open: [any Channel]()))
  private let refused = Mutex<PeerFault?>(nil)

  init(_ peer: PeerAddress, _ identity: NodeIdentity) {
    self.peer = peer
    self.identity = identity
    proof = PeerProof(identity, expecting: peer.name)
  }

  /// That the other end, proven, has ended the connection before it said anything: in TLS 1.3 a client learns only then
  /// that its own certificate is not taken.
  var refusal: PeerFault? { refused.withLock { $0 } }

  /// - Parameter configure: puts gRPC behind TLS.
  /// - Throws: `PeerFault`, `CancellationError`.
  func open(_ configure: @escaping @Sendable (any Channel) -> EventLoopFuture<Configured>) async throws -> Configured {
    try await withTaskCancellationHandler {
      do {
        return try await connect(configure).get()
      } catch {
        close()
        try Task.checkCancellation()
        throw fault(error)
      }
    } onCancel: {
      close()
    }
  }

  private func connect(
    _ configure: @escaping @Sendable (any Channel) -> EventLoopFuture<Configured>
  ) async throws -> EventLoopFuture<Configured> {
    let tls = try identity.credentials.client()
    let begin: @Sendable (any Channel) -> EventLoopFuture<EventLoopFuture<Configured>> = { channel in
      guard self.remember(channel) else { return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
      let proven = channel.eventLoop.makePromise(of: Configured.self)
      return channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandlers([
          NIOSSLClientHandler(
            context: tls, serverHostname: nil, customVerificationCallback: { self.proof.check($0, $1) }),
          Greeter(proven, configure) { self.refused(by: $0) },
        ])
        return proven.futureResult
      }
    }
    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(TimeAmount(PeerLimits.handshake))
    if let literal = try? SocketAddress(ipAddress: peer.address.host, port: peer.address.port) {
      return try await bootstrap.connect(to: literal, channelInitializer: begin)
    }
    return try await bootstrap.connect(
      host: peer.address.host, port: peer.address.port, channelInitializer: begin)
  }

  private func remember(_ channel: any Channel) -> Bool {
    channels.withLock {
      if !$0.closed { $0.open.append(channel) }
      return !$0.closed
    }
  }

  private func close() {
    let open = channels.withLock { channels in
      defer { channels = (true, []) }
      return channels.open
    }
    for channel in open { channel.close(promise: nil) }
  }

  private func refused(by error: (any Error)?) {
    let fault =
      error.map { PeerFault(.unproven, "\(peer.name) did not take this node's certificate: \(Self.words($0))") }
      ?? PeerFault(.unreachable, "\(peer.name) closed the connection before it said anything")
    refused.withLock { $0 = $0 ?? fault }
  }

  private func fault(_ error: any Error) -> PeerFault {
    if let fault = error as? PeerFault { return fault }
    if let fault = proof.fault { return fault }
    switch error {
    case NIOSSLError.handshakeFailed, is BoringSSLError:
      return PeerFault(.unproven, "no TLS handshake with \(peer.address): \(Self.words(error))")
    default: return PeerFault(.unreachable, "no connection to \(peer.address): \(Self.words(error))")
    }
  }

  private static func words(_ error: any Error) -> String {
    switch error {
    case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
    case let error as NIOConnectionError: error.connectionErrors.first.map { words($0.error) } ?? "no such host"
    case NIOSSLError.handshakeFailed(let error): words(error)
    case ChannelError.connectTimeout: "no answer"
    case NIOSSLError.uncleanShutdown, ChannelError.eof, ChannelError.ioOnClosedChannel: "it was closed"
    default: "\(error)".firstLine
    }
  }
}

/// Behind TLS: lets gRPC in when the handshake is over, then waits for the first words of the other end.
private final class Greeter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var proven: EventLoopPromise<PeerLine.Configured>?
  private let configure: (any Channel) -> EventLoopFuture<PeerLine.Configured>
  private let refused: ((any Error)?) -> Void
  private var deadline: Scheduled<Void>?
  private var heard = false

  init(
    _ proven: EventLoopPromise<PeerLine.Configured>,
    _ configure: @escaping (any Channel) -> EventLoopFuture<PeerLine.Configured>,
    refused: @escaping ((any Error)?) -> Void
  ) {
    self.proven = proven
    self.configure = configure
    self.refused = refused
  }

  func channelActive(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(PeerLimits.handshake)) {
      self.end(PeerFault(.silent, "no TLS handshake within \(PeerLimits.handshake.components.seconds) s"))
      context.close(promise: nil)
    }
    context.fireChannelActive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent {
      deadline?.cancel()
      configure(context.channel).cascade(to: proven)
      proven = nil
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    heard = true
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is BoringSSLError || error is NIOSSLError { end(error) }
    context.fireErrorCaught(error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(nil)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { end(nil) }

  /// The connection is over.
  private func end(_ error: (any Error)?) {
    deadline?.cancel()
    if let proven {
      self.proven = nil
      proven.fail(error ?? ChannelError.eof)
    } else if !heard {
      heard = true
      if case NIOSSLError.uncleanShutdown? = error as? NIOSSLError { return refused(nil) }
      refused(error)
    }
  }
}
