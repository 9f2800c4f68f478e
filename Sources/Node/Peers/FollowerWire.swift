import Foundation
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf

/// What a follower's messages need beside the decisions: who speaks, of which chain, and to whom.
struct Greeting: Sendable {
  /// The authority's challenge, 32 bytes.
  let challenge: [UInt8]
  /// The follower's own, 32 bytes, for the authority to sign.
  let nonce: [UInt8]

  /// 32 random bytes.
  static func random() -> [UInt8] { (0..<32).map { _ in UInt8.random(in: .min ... .max) } }
}

extension Introduction {
  /// Checks who speaks, and that it speaks of this chain.
  /// - Throws: `peer.other-chain`, `peer.schema`, `peer.unknown-node`, `peer.signature`, `peer.malformed`.
  init(wire: Goud_Peer_V1_Introduction, challenge: [UInt8], to identity: NodeIdentity) throws {
    try identity.checkChain(wire.chain, schema: wire.schemaVersion)
    guard wire.node != identity.name else {
      throw PeerFault(.signature, "another node calls itself \(identity.name)")
    }
    self.init(node: wire.node, position: try Position(wire: wire.position), locator: try Locator.parse(wire.locator))
    try PeerFault.refuse(implausibility)
    let context = IntroductionContext(
      chain: identity.chain, schemaVersion: wire.schemaVersion, challenge: challenge,
      nonce: try wire.nonce.bytes(32, "a nonce"), clock: try PeerTime.parse(wire.clock))
    try identity.check(wire.signature, over: preimage(context), by: node)
  }

  func wire(_ greeting: Greeting, from identity: NodeIdentity) throws -> Goud_Peer_V1_Introduction {
    let context = IntroductionContext(
      chain: identity.chain, schemaVersion: identity.schemaVersion, challenge: greeting.challenge,
      nonce: greeting.nonce, clock: PeerClock.now())
    let signature = try identity.sign(preimage(context))
    return .with {
      $0.node = node
      $0.chain = Data(context.chain)
      $0.schemaVersion = context.schemaVersion
      $0.position = position.wire
      $0.locator = locator.map(\.wire)
      $0.clock = context.clock
      $0.nonce = Data(context.nonce)
      $0.signature = Data(signature)
    }
  }
}

/// What a follower says after its introduction.
enum FollowerSaid: Sendable {
  case message(FollowerMessage)
  /// Encoded entries of its clients, not looked into yet.
  case entries([[UInt8]])
  /// Its clock, and whether its disk is down to its reserve.
  case heartbeat(UInt64, full: Bool)

  /// - Throws: `peer.malformed`; what the follower's transport has refused.
  init(wire: Goud_Peer_V1_FollowerMessage) throws {
    switch wire.kind {
    case .promise(let promise):
      self = .message(
        .promise(
          Promise(
            epoch: try Epoch(number: promise.epoch, wireNonce: promise.nonce), round: promise.round,
            position: try Position(wire: promise.position), locator: try Locator.parse(promise.locator))))
    case .stored(let stored):
      self = .message(
        .stored(
          Stored(
            epoch: stored.epoch, head: try BlockID(wire: stored.head), standing: stored.member ? .member : .rejoining))
      )
    case .refusal(let refusal):
      guard let own = try Refusal(wire: refusal) else { throw PeerFault(refusedBy: refusal) }
      self = .message(.refusal(own))
    case .submit(let submit):
      guard (1...PeerLimits.submittedEntries).contains(submit.entries.count) else {
        throw PeerFault(.malformed, "\(submit.entries.count) entries in one message")
      }
      self = .entries(submit.entries.map { [UInt8]($0) })
    case .heartbeat(let heartbeat):
      self = .heartbeat(try PeerTime.parse(heartbeat.clock), full: heartbeat.full)
    case .introduction: throw PeerFault(.malformed, "a second introduction")
    case nil: throw PeerFault(.malformed, "a message of an unknown kind")
    }
    if case .message(let message) = self { try PeerFault.refuse(message.implausibility) }
  }
}

extension FollowerMessage {
  func wire(_ greeting: Greeting, from identity: NodeIdentity) throws -> Goud_Peer_V1_FollowerMessage {
    var message = Goud_Peer_V1_FollowerMessage()
    switch self {
    case .introduction(let introduction): message.introduction = try introduction.wire(greeting, from: identity)
    case .promise(let promise):
      message.promise = .with {
        $0.epoch = promise.epoch.number
        $0.nonce = Data(promise.epoch.nonce)
        $0.round = promise.round
        $0.position = promise.position.wire
        $0.locator = promise.locator.map(\.wire)
      }
    case .stored(let stored):
      message.stored = .with {
        $0.epoch = stored.epoch
        $0.head = stored.head.wire
        $0.member = stored.standing == .member
      }
    case .refusal(let refusal): message.refusal = refusal.wire
    }
    return message
  }
}

extension NodeIdentity {
  /// - Throws: `peer.other-chain`, `peer.schema`.
  func checkChain(_ other: Data, schema: UInt32? = nil) throws {
    guard chain.elementsEqual(other) else {
      throw PeerFault(
        .otherChain, "it is of chain \(Hex.text(other.prefix(4)))…, this node of \(Hex.text(chain.prefix(4)))…")
    }
    if let schema, schema != schemaVersion {
      throw PeerFault(.schema, "it has schema version \(schema), this node \(schemaVersion)")
    }
  }
}

/// The clock that peers compare.
enum PeerClock {
  /// Milliseconds since 1970.
  static func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }
}
