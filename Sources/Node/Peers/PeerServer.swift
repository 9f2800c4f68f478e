import GRPCCore
import GRPCNIOTransportHTTP2
import PeerProtocol
import ServiceLifecycle

/// Serves this node's peers on a port, until its task is cancelled or the service group shuts down.
struct PeerServer: Service {
  private let server: GRPCServer<HTTP2ServerTransport.Custom<PeerListener>>

  /// - Parameter socket: taken over.
  init(_ service: PeerService, on socket: ListeningSocket) {
    var config = HTTP2ServerTransport.Custom<PeerListener>.Config.defaults
    config.rpc.maxRequestPayloadSize = PeerLimits.requestBytes
    config.http2.maxConcurrentStreams = PeerLimits.streams
    config.http2.targetWindowSize = 1 << 20
    // Of a connection without calls.
    config.connection.maxIdleTime = .seconds(30)
    config.connection.maxGraceTime = .seconds(1)
    config.connection.keepalive.clientBehavior = .init(
      minPingIntervalWithoutCalls: .seconds(5), allowWithoutCalls: true)
    let listener = PeerListener(
      socket: socket.release(), identity: service.identity, seats: service.seats, book: service.book)
    server = GRPCServer(
      transport: HTTP2ServerTransport.Custom(listenerFactory: listener, config: config), services: [service])
  }

  /// A cancelled task would leave connections without anybody who takes what comes in over them, and a stream that
  /// nobody takes ends the process (`NIOAsyncWriter`): the server is never cancelled, it ends when they have.
  func run() async throws {
    let serving = Task { try await server.serve() }
    try await withTaskCancellationOrGracefulShutdownHandler {
      try await serving.value
    } onCancelOrGracefulShutdown: {
      server.beginGracefulShutdown()
    }
  }
}
