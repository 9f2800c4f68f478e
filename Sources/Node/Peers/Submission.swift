import Crypto
import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication

/// An entry on its way from a follower to the authority.
enum Submission {
  /// What the follower signs: `goud submit v1`, 0, chain (32), SHA-256 of the entry (32), its name.
  static func preimage(chain: [UInt8], entry: some Sequence<UInt8>, node: String) -> [UInt8] {
    Array("goud submit v1".utf8) + [0] + chain + Array(SHA256.hash(data: Array(entry))) + Array(node.utf8)
  }

  static func request(_ entry: [UInt8], from identity: NodeIdentity) throws -> Goud_Peer_V1_SubmitRequest {
    let signature = try identity.sign(
      preimage(chain: identity.chain, entry: entry, node: identity.name))
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
