import Foundation
import GoudCore
import PeerProtocol
import Replication

/// What a follower says of itself, proven to be that validator.
struct Introduction: Sendable {
  let node: String
  let position: Position
  let locator: [BlockID]
  /// Milliseconds since 1970, by its own clock.
  let clock: UInt64
  /// For the authority to sign.
  let nonce: [UInt8]
}

/// What a follower says after its introduction.
enum FollowerSaid: Sendable {
  case promise(Epoch, Position, [BlockID])
  /// What is synced on its disk.
  case stored(epoch: UInt64, head: BlockID, Standing)
  case refusal(PeerRefusal)
}

/// What the authority says after its challenge.
enum AuthoritySaid: Sendable {
  case openEpoch(Epoch)
  case append(Appending)
  case acknowledged(epoch: UInt64, height: UInt64, epochStart: UInt64)
  case refusal(PeerRefusal)
}

/// Blocks on their way to a follower.
struct Appending: Sendable {
  let epoch: UInt64
  let previous: BlockID
  /// Encoded, in order of height; at most `PeerLimits.batchBlocks` and `batchBytes`.
  let blocks: [[UInt8]]
  let acknowledged: UInt64
}

/// A peer's no, in its own words.
struct PeerRefusal: Hashable, Sendable {
  let code: String
  let reason: String
  /// 0 where it does not matter.
  var promised: UInt64 = 0
}

extension Introduction {
  /// Checks who speaks, and that it speaks of this chain.
  init(wire: Goud_Peer_V1_Introduction, challenge: [UInt8], to identity: NodeIdentity) throws {
    guard wire.nonce.count == 32, wire.hasPosition else { throw PeerFault(.malformed, "an incomplete introduction") }
    try identity.checkChain(wire.chain, schema: wire.schemaVersion)
    nonce = [UInt8](wire.nonce)
    node = wire.node
    guard node != identity.name else { throw PeerFault(.notAuthentic, "another node calls itself \(node)") }
    try identity.check(
      wire.signature,
      over: Handshake.introduction(chain: identity.chain, challenge: challenge, nonce: nonce, node: node), by: node)
    position = try Position(wire: wire.position)
    locator = try Locator.parse(wire.locator)
    clock = wire.clock
  }

  static func wire(
    challenge: [UInt8], nonce: [UInt8], position: Position, locator: [BlockID], from identity: NodeIdentity
  ) throws -> Goud_Peer_V1_FollowerMessage {
    let preimage = Handshake.introduction(
      chain: identity.chain, challenge: challenge, nonce: nonce, node: identity.name)
    let signature = try identity.sign(preimage)
    return .with {
      $0.introduction = .with {
        $0.node = identity.name
        $0.chain = Data(identity.chain)
        $0.schemaVersion = identity.schemaVersion
        $0.position = position.wire
        $0.locator = locator.map(\.wire)
        $0.clock = PeerClock.now()
        $0.nonce = Data(nonce)
        $0.signature = Data(signature)
      }
    }
  }
}

extension NodeIdentity {
  /// - Throws: `peer.other-chain`, `peer.other-schema`.
  func checkChain(_ other: Data, schema: UInt32? = nil) throws {
    guard chain.elementsEqual(other) else {
      throw PeerFault(.otherChain, "it is of chain \(short([UInt8](other))), this node of \(short(chain))")
    }
    if let schema, schema != schemaVersion {
      throw PeerFault(.otherSchema, "it has schema version \(schema), this node \(schemaVersion)")
    }
  }

  private func short(_ chain: [UInt8]) -> String { "\(Hex.text(chain.prefix(4)))…" }
}

extension FollowerSaid {
  init(wire: Goud_Peer_V1_FollowerMessage) throws {
    switch wire.kind {
    case .promise(let promise):
      self = .promise(
        try Epoch(number: promise.epoch, wireNonce: promise.nonce), try Position(wire: promise.position),
        try Locator.parse(promise.locator))
    case .stored(let stored):
      self = .stored(
        epoch: stored.epoch, head: try BlockID(wire: stored.head), stored.member ? .member : .rejoining)
    case .refusal(let refusal): self = .refusal(PeerRefusal(wire: refusal))
    case .introduction: throw PeerFault(.malformed, "a second introduction")
    case nil: throw PeerFault(.malformed, "a message of an unknown kind")
    }
  }

  var wire: Goud_Peer_V1_FollowerMessage {
    .with { message in
      switch self {
      case .promise(let epoch, let position, let locator):
        message.promise = .with {
          $0.epoch = epoch.number
          $0.nonce = Data(epoch.nonce)
          $0.position = position.wire
          $0.locator = locator.map(\.wire)
        }
      case .stored(let epoch, let head, let standing):
        message.stored = .with {
          $0.epoch = epoch
          $0.head = head.wire
          $0.member = standing == .member
        }
      case .refusal(let refusal): message.refusal = refusal.wire
      }
    }
  }
}

extension AuthoritySaid {
  /// - Parameter nonce: this follower's own, which the authority signs when it opens an epoch.
  init(wire: Goud_Peer_V1_AuthorityMessage, nonce: [UInt8], to identity: NodeIdentity) throws {
    switch wire.kind {
    case .openEpoch(let open):
      let epoch = try Epoch(number: open.epoch, wireNonce: open.nonce)
      let preimage = Handshake.openEpoch(
        chain: identity.chain, nonce: nonce, epoch: epoch.number, epochNonce: epoch.nonce, follower: identity.name)
      try identity.check(open.signature, over: preimage, by: identity.authority)
      self = .openEpoch(epoch)
    case .append(let append):
      guard append.blocks.count <= PeerLimits.batchBlocks else {
        throw PeerFault(.tooLarge, "\(append.blocks.count) blocks in one message")
      }
      self = .append(
        Appending(
          epoch: append.epoch, previous: try BlockID(wire: append.previous), blocks: append.blocks.map { [UInt8]($0) },
          acknowledged: append.acknowledged))
    case .acknowledged(let acknowledged):
      self = .acknowledged(
        epoch: acknowledged.epoch, height: acknowledged.height, epochStart: acknowledged.epochStart)
    case .refusal(let refusal): self = .refusal(PeerRefusal(wire: refusal))
    case .challenge: throw PeerFault(.malformed, "a second challenge")
    case nil: throw PeerFault(.malformed, "a message of an unknown kind")
    }
  }

  /// - Parameter nonce: the follower's, to be signed where this opens an epoch.
  func wire(nonce: [UInt8], follower: String, from identity: NodeIdentity) throws -> Goud_Peer_V1_AuthorityMessage {
    var message = Goud_Peer_V1_AuthorityMessage()
    switch self {
    case .openEpoch(let epoch):
      let preimage = Handshake.openEpoch(
        chain: identity.chain, nonce: nonce, epoch: epoch.number, epochNonce: epoch.nonce, follower: follower)
      let signature = try identity.sign(preimage)
      message.openEpoch = .with {
        $0.epoch = epoch.number
        $0.nonce = Data(epoch.nonce)
        $0.signature = Data(signature)
      }
    case .append(let append):
      message.append = .with {
        $0.epoch = append.epoch
        $0.previous = append.previous.wire
        $0.blocks = append.blocks.map { Data($0) }
        $0.acknowledged = append.acknowledged
      }
    case .acknowledged(let epoch, let height, let epochStart):
      message.acknowledged = .with {
        $0.epoch = epoch
        $0.height = height
        $0.epochStart = epochStart
      }
    case .refusal(let refusal): message.refusal = refusal.wire
    }
    return message
  }

  /// About what it weighs on the wire.
  var bytes: Int {
    if case .append(let append) = self { append.blocks.reduce(128) { $0 + $1.count + 4 } } else { 128 }
  }
}

extension PeerRefusal {
  init(wire: Goud_Peer_V1_Refusal) {
    self.init(code: wire.code.firstLine, reason: wire.reason.firstLine, promised: wire.promisedEpoch)
  }

  init(_ fault: PeerFault) { self.init(code: fault.code.rawValue, reason: fault.reason) }

  var wire: Goud_Peer_V1_Refusal {
    .with {
      $0.code = code
      $0.reason = reason
      $0.promisedEpoch = promised
    }
  }
}

/// The clock that peers compare.
enum PeerClock {
  /// Milliseconds since 1970.
  static func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }
}
