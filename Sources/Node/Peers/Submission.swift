import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication

/// An entry on its way from a follower to the authority.
enum Submission {
  static func request(_ entry: [UInt8], from identity: NodeIdentity) throws -> Goud_Peer_V1_SubmitRequest {
    let signature = try identity.sign(
      Handshake.submission(chain: identity.chain, entry: entry, node: identity.name))
    return .with {
      $0.chain = Data(identity.chain)
      $0.entry = Data(entry)
      $0.node = identity.name
      $0.signature = Data(signature)
    }
  }

  /// The place that the authority answers with.
  /// - Throws: the authority's own `GoudError`, or `RPCError` when there is no answer of its.
  static func answer(_ call: () async throws -> Goud_Peer_V1_SubmitReply) async throws -> EntryPlace {
    do {
      let reply = try await call()
      return EntryPlace(block: try BlockID(wire: reply.block), index: Int(reply.index))
    } catch let error as RPCError {
      if let own = GoudError(remote: error) { throw own }
      throw error
    }
  }
}
