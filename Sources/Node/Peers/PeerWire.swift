import Chain
import Foundation
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf

/// From the wire and back. Whatever comes from outside passes through here, and is refused (`peer.malformed`) when a
/// length, an order or a presence is not what Proto/peer.proto says, or a number is one that no correct node says
/// (`Replication.Bounds`).
extension BlockID {
  init(wire: Goud_Peer_V1_BlockID) throws {
    self.init(height: wire.height, epoch: wire.epoch, hash: try wire.hash.bytes(32, "a block's hash"))
    try PeerFault.refuse(implausibility)
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
    self.init(
      head: try BlockID(wire: wire.head), acknowledged: wire.acknowledged,
      standing: wire.member ? .member : .rejoining, beginning: try wire.beginning.bytes(0, 16, "a beginning"),
      promised: wire.promisedEpoch)
    try PeerFault.refuse(implausibility)
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
    self.init(number: number, nonce: try wireNonce.bytes(16, "an epoch's nonce"))
  }
}

extension Refusal {
  /// nil for what the transport itself refuses.
  init?(wire: Goud_Peer_V1_Refusal) throws {
    guard let code = Code(rawValue: wire.code) else { return nil }
    self.init(code, promised: wire.promisedEpoch, height: wire.height)
    try PeerFault.refuse(implausibility)
  }

  var wire: Goud_Peer_V1_Refusal {
    .with {
      $0.code = code.rawValue
      $0.reason = reason
      $0.promisedEpoch = promised
      $0.height = height
    }
  }

  /// For people.
  var reason: String {
    switch code {
    case .promised: "it has promised epoch \(promised)"
    case .otherReign: "it answers to another volume of the authority"
    case .otherBeginning: "it has another beginning, and blocks of its own from height \(height) on"
    case .acknowledgedBlock: "it knows its own block \(height) to be acknowledged"
    case .protocolViolation: "a message that the protocol does not allow here"
    case .replaced: "the same node has connected again"
    case .unknownNode: "no validator of that name follows here"
    case .otherChain: "it is of another chain"
    case .schema: "it has another schema version"
    case .signature: "a signature does not hold"
    case .badBlock: "a block does not hold"
    case .notAuthority: "it is not the authority"
    case .malformed: "a message that no correct node sends"
    }
  }
}

extension PeerFault {
  /// - Throws: `peer.malformed`, when there is a reason.
  static func refuse(_ implausibility: String?) throws {
    if let implausibility { throw PeerFault(.malformed, implausibility) }
  }

  /// What is told to the peer that is dropped.
  var wire: Goud_Peer_V1_Refusal {
    .with {
      $0.code = code.name
      $0.reason = reason
    }
  }

  /// What the other side said when it ended a stream.
  init(refusedBy wire: Goud_Peer_V1_Refusal) {
    self.init(Code(name: wire.code) ?? .unavailable, "refused by it: \(wire.reason.firstLine)")
  }
}

/// A locator: the head first, then ever further back, genesis last; held against its position where both are known.
enum Locator {
  static func parse(_ wire: [Goud_Peer_V1_BlockID]) throws -> [BlockID] {
    let blocks = try wire.prefix(Bounds.locatorBlocks + 1).map { try BlockID(wire: $0) }
    try PeerFault.refuse(blocks.locatorImplausibility)
    return blocks
  }
}

/// A clock that a node tells.
enum PeerTime {
  /// - Throws: `peer.malformed` for one beyond the year 9999.
  static func parse(_ wire: UInt64) throws -> UInt64 {
    guard wire <= BlockLimits.time else { throw PeerFault(.malformed, "a clock at \(wire) ms") }
    return wire
  }
}

extension Data {
  /// The bytes, when there are as many as there should be.
  func bytes(_ counts: Int..., what: String) throws -> [UInt8] {
    guard counts.contains(count) else { throw PeerFault(.malformed, "\(what) of \(count) bytes") }
    return [UInt8](self)
  }

  func bytes(_ count: Int, _ what: String) throws -> [UInt8] { try bytes(count, what: what) }
  func bytes(_ one: Int, _ other: Int, _ what: String) throws -> [UInt8] { try bytes(one, other, what: what) }
}
