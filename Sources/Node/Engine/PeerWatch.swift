import GRPCCore
import PeerProtocol
import Replication

/// Asks, every few seconds, those peers how they stand whom no stream tells about.
struct PeerWatch: Sendable {
  static let interval = Duration.seconds(2)

  let identity: NodeIdentity
  let book: PeerBook
  let peers: [PeerAddress]

  func run() async throws {
    try await withThrowingDiscardingTaskGroup { group in
      for peer in peers { group.addTask { try await watch(peer) } }
    }
  }

  /// Keeps one connection as long as the peer answers.
  private func watch(_ peer: PeerAddress) async throws {
    while true {
      do {
        try await PeerConnection.with(peer, as: identity) { client in
          while true {
            try await ask(peer, client)
            try await Task.sleep(for: Self.interval * Double.random(in: 0.9...1.1))
          }
        }
      } catch {
        try Task.checkCancellation()
        // The stream to the authority tells more about it than this does.
        if peer.name != identity.authority { book.dropped(peer.name, PeerFault(error)) }
      }
      try await Task.sleep(for: Self.interval * Double.random(in: 0.9...1.1))
    }
  }

  private func ask(_ peer: PeerAddress, _ client: PeerConnection.Client) async throws {
    let reply = try await client.inspect(.init(), options: PeerLimits.call(timeout: PeerLimits.silence))
    try identity.checkChain(reply.chain, schema: reply.schemaVersion)
    guard reply.node == peer.name else {
      throw PeerFault(.unknownNode, "\(reply.node.firstLine) answers at \(peer.address)")
    }
    book.stands(peer.name, at: try Position(wire: reply.position), clock: try PeerTime.parse(reply.clock))
    if peer.name != identity.authority { book.met(peer.name, clock: reply.clock) }
  }
}
