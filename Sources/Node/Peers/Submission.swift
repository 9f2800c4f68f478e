import Crypto
import Foundation
import GoudCore
import PeerProtocol
import Replication

/// Entries on their way from a follower to the authority, several in one call.
enum Submission {
  typealias Outcome = Result<EntryPlace, GoudError>

  /// What the follower signs: `goud submit v1`, 0, chain (32), SHA-256 of the entries' own SHA-256 one after the other
  /// (32), its name.
  static func preimage(chain: [UInt8], entries: [some Sequence<UInt8>], node: String) -> [UInt8] {
    var hash = SHA256()
    for entry in entries { SHA256.hash(data: Array(entry)).withUnsafeBytes { hash.update(bufferPointer: $0) } }
    return Array("goud submit v1".utf8) + [0] + chain + Array(hash.finalize()) + Array(node.utf8)
  }

  static func request(_ entries: [[UInt8]], from identity: NodeIdentity) throws -> Goud_Peer_V1_SubmitRequest {
    let signature = try identity.sign(preimage(chain: identity.chain, entries: entries, node: identity.name))
    return .with {
      $0.chain = Data(identity.chain)
      $0.entries = entries.map { Data($0) }
      $0.node = identity.name
      $0.signature = Data(signature)
    }
  }

  /// What became of each entry, in their order.
  /// - Throws: `peer.malformed` for an answer of another length.
  static func outcomes(_ reply: Goud_Peer_V1_SubmitReply, of count: Int) throws -> [Outcome] {
    guard reply.outcomes.count == count else {
      throw PeerFault(.malformed, "\(reply.outcomes.count) answers to \(count) entries")
    }
    return try reply.outcomes.map { wire in
      guard wire.code.isEmpty else {
        let hint = wire.hint.isEmpty ? nil : wire.hint.firstLine
        return .failure(
          GoudError(ErrorCode(rawValue: wire.code) ?? .internalFault, wire.message.firstLine, hint: hint))
      }
      return .success(EntryPlace(block: try BlockID(wire: wire.block), index: Int(wire.index)))
    }
  }
}

extension Goud_Peer_V1_SubmitOutcome {
  init(_ outcome: Submission.Outcome) {
    self.init()
    switch outcome {
    case .success(let place):
      block = place.block.wire
      index = UInt32(place.index)
    case .failure(let error):
      code = error.code.rawValue
      message = error.message
      hint = error.hint ?? ""
    }
  }
}
