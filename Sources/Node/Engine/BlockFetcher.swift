import Chain
import Foundation
import GRPCCore
import PeerProtocol
import Replication
import SwiftProtobuf

/// Fetches blocks from a follower for the authority, and checks them.
struct BlockFetcher: Sendable {
  let identity: NodeIdentity
  let checker: BlockChecker
  let peers: [PeerAddress]

  /// - Parameter before: the block that `Fetch.after` names, as this node has it.
  /// - Throws: `PeerFault`, `RPCError`.
  func fetch(_ fetch: Fetch, before: BlockReference?) async throws -> [NamedBlock] {
    guard let peer = peers.first(where: { $0.name == fetch.node }) else {
      throw PeerFault(.unreachable, "no address is known")
    }
    guard fetch.through > fetch.after.height else { return [] }
    let request = Goud_Peer_V1_BlocksRequest.with {
      $0.chain = Data(identity.chain)
      $0.from = fetch.after.height + 1
      $0.limit = min(UInt64(fetch.limit), fetch.through - fetch.after.height)
    }
    let encoded = try await PeerConnection.with(peer, as: identity) { client in
      try await client.blocks(request, options: PeerLimits.call(timeout: .seconds(60))) { response in
        var blocks: [[UInt8]] = []
        for try await batch in response.messages {
          blocks += batch.blocks.map { [UInt8]($0) }
          guard UInt64(blocks.count) <= request.limit else {
            throw PeerFault(.malformed, "more blocks than were asked for")
          }
        }
        return blocks
      }
    }
    let known = before?.hash.bytes == fetch.after.hash ? before : nil
    return try await checker.check(encoded, after: fetch.after, before: known)
  }
}
