import GRPCCore
import GRPCNIOTransportHTTP2
import NIOCore
import PeerProtocol
import ServiceLifecycle
import Synchronization

/// Serves this node's peers on a port, until its task is cancelled or the service group shuts down.
struct PeerServer: Service {
  private let server: GRPCServer<HTTP2ServerTransport.Posix>

  /// - Parameter socket: taken over.
  init(_ service: PeerService, on socket: ListeningSocket) {
    let connections = ConnectionCount()
    let config = HTTP2ServerTransport.Posix.Config.defaults {
      $0.rpc.maxRequestPayloadSize = PeerLimits.messageBytes
      $0.http2.maxConcurrentStreams = PeerLimits.streams
      $0.http2.targetWindowSize = 1 << 20
      // Of a connection without calls, which also is what never sent anything.
      $0.connection.maxIdleTime = .seconds(30)
      $0.connection.maxGraceTime = .seconds(1)
      $0.connection.keepalive.clientBehavior = .init(minPingIntervalWithoutCalls: .seconds(5), allowWithoutCalls: true)
      $0.channelDebuggingCallbacks.onAcceptTCPConnection = { connections.admit($0) }
    }
    server = GRPCServer(
      transport: HTTP2ServerTransport.Posix(
        listeningSocketDescriptor: socket.release(), transportSecurity: .plaintext, config: config),
      services: [service])
  }

  func run() async throws {
    try await withTaskCancellationOrGracefulShutdownHandler {
      try await server.serve()
    } onCancelOrGracefulShutdown: {
      server.beginGracefulShutdown()
    }
  }
}

/// Closes the connections beyond `PeerLimits.connections`.
private final class ConnectionCount: Sendable {
  private let open = Atomic<Int>(0)

  func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
    guard open.add(1, ordering: .relaxed).newValue <= PeerLimits.connections else {
      open.subtract(1, ordering: .relaxed)
      return channel.close()
    }
    channel.closeFuture.whenComplete { _ in self.open.subtract(1, ordering: .relaxed) }
    return channel.eventLoop.makeSucceededVoidFuture()
  }
}
