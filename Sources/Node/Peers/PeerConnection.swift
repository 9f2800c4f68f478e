import GRPCCore
import GRPCNIOTransportHTTP2
import PeerProtocol

/// A connection to a peer for the time of a closure. Plain text: the peers' network is private (docs/threat-model.md).
enum PeerConnection {
  typealias Client = Goud_Peer_V1_Peer.Client<HTTP2ClientTransport.Posix>

  /// Connects at the first call; a call fails at once when the peer cannot be reached.
  static func with<Result: Sendable>(
    _ address: HostPort, _ body: (Client) async throws -> Result
  ) async throws -> Result {
    let config = HTTP2ClientTransport.Posix.Config.defaults {
      $0.connection.keepalive = .init(time: .seconds(10), timeout: PeerLimits.silence, allowWithoutCalls: false)
      $0.backoff = .init(initial: PeerLimits.firstRetry, max: PeerLimits.lastRetry, multiplier: 2, jitter: 0.2)
      $0.http2.targetWindowSize = PeerLimits.messageBytes
    }
    let transport = try HTTP2ClientTransport.Posix(
      target: address.target, transportSecurity: .plaintext, config: config)
    return try await withGRPCClient(transport: transport) { try await body(Client(wrapping: $0)) }
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
