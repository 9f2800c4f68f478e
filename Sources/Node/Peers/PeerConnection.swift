import GRPCCore
import GRPCNIOTransportHTTP2
import NIOCore
import PeerProtocol

/// A connection to a peer for the time of a closure. Nothing is said to a server before it has proven to be the validator
/// that was called (docs/threat-model.md).
enum PeerConnection {
  typealias Client = Goud_Peer_V1_Peer.Client<HTTP2ClientTransport.WrappedChannel>

  /// Connects, and runs `body` when both ends' handshake is over.
  /// - Throws: `PeerFault`: `peer.unproven`, `peer.clock`, `peer.unreachable`, `peer.silent`; what `body` throws.
  static func with<Result: Sendable>(
    _ peer: PeerAddress, as identity: NodeIdentity, _ body: (Client) async throws -> Result
  ) async throws -> Result {
    let config = HTTP2ClientTransport.WrappedChannel.Config.defaults {
      $0.connection.keepalive = .init(time: .seconds(10), timeout: PeerLimits.silence, allowWithoutCalls: false)
      $0.http2.targetWindowSize = PeerLimits.messageBytes
      $0.http2.authority = peer.name
    }
    let line = PeerLine(peer, identity)
    let transport = try await HTTP2ClientTransport.WrappedChannel.wrapping(config: config) { configure in
      try await line.open(configure)
    }
    do {
      return try await withGRPCClient(transport: transport) { try await body(Client(wrapping: $0)) }
    } catch let error as RPCError {
      throw line.refusal ?? error
    }
  }
}

/// How long to wait before the next attempt: doubling up to a bound, with jitter, so that a node that was gone is not
/// met by all others at one moment.
struct Backoff {
  private var next = PeerLimits.firstRetry

  /// Waits. After a refusal, longer: nobody is hammered with what it has refused.
  mutating func wait(refused: Bool) async throws {
    let base = refused ? PeerLimits.refusedRetry : next
    next = min(next * 2, PeerLimits.lastRetry)
    try await Task.sleep(for: base * Double.random(in: 0.8...1.2))
  }

  /// After an attempt that succeeded.
  mutating func reset() { next = PeerLimits.firstRetry }
}
