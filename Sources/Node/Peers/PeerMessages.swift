import Foundation
import PeerProtocol
import Replication

/// From the wire and back. Whatever comes from outside passes through here, and is refused (`peer.malformed`) when a
/// length, an order or a presence is not what Proto/peer.proto says.
extension BlockID {
  init(wire: Goud_Peer_V1_BlockID) throws {
    guard wire.hash.count == 32 else { throw PeerFault(.malformed, "a block's hash of \(wire.hash.count) bytes") }
    self.init(height: wire.height, epoch: wire.epoch, hash: [UInt8](wire.hash))
  }

  var wire: Goud_Peer_V1_BlockID {
    .with {
      $0.height = height
      $0.epoch = epoch
      $0.hash = Data(hash)
    }
  }
}

extension Position {
  init(wire: Goud_Peer_V1_Position) throws {
    guard wire.hasHead else { throw PeerFault(.malformed, "a position without a head") }
    guard wire.beginning.isEmpty || wire.beginning.count == 16 else {
      throw PeerFault(.malformed, "a beginning of \(wire.beginning.count) bytes")
    }
    let head = try BlockID(wire: wire.head)
    guard wire.acknowledged <= head.height else {
      throw PeerFault(.malformed, "acknowledged \(wire.acknowledged) above its head \(head.height)")
    }
    self.init(
      head: head, acknowledged: wire.acknowledged, standing: wire.member ? .member : .rejoining,
      beginning: [UInt8](wire.beginning), promised: wire.promisedEpoch)
  }

  var wire: Goud_Peer_V1_Position {
    .with {
      $0.head = head.wire
      $0.acknowledged = acknowledged
      $0.member = standing == .member
      $0.beginning = Data(beginning)
      $0.promisedEpoch = promised
    }
  }
}

extension Epoch {
  init(number: UInt64, wireNonce: Data) throws {
    guard wireNonce.count == 16 else { throw PeerFault(.malformed, "an epoch's nonce of \(wireNonce.count) bytes") }
    self.init(number: number, nonce: [UInt8](wireNonce))
  }
}

/// A locator: the head first, then ever further back, genesis last.
enum Locator {
  static func parse(_ wire: [Goud_Peer_V1_BlockID]) throws -> [BlockID] {
    guard (1...PeerLimits.locatorBlocks).contains(wire.count) else {
      throw PeerFault(.malformed, "a locator of \(wire.count) blocks")
    }
    let blocks = try wire.map { try BlockID(wire: $0) }
    guard blocks.last?.height == 0, zip(blocks, blocks.dropFirst()).allSatisfy({ $0.height > $1.height }) else {
      throw PeerFault(.malformed, "a locator that does not go down to genesis")
    }
    return blocks
  }
}
