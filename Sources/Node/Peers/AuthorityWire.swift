import Foundation
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf

/// Blocks on their way to a follower, not looked into yet.
struct SentBlocks: Sendable {
  let epoch: UInt64
  let previous: BlockID
  /// Encoded, in order of height; at most `PeerLimits.batchBlocks`.
  let blocks: [[UInt8]]
  let acknowledged: UInt64
}

/// Entries that the authority has put into no block, by their ids, and why.
struct TurnedDown: Sendable {
  let ids: [[UInt8]]
  let error: GoudError
}

/// What the authority said after its challenge.
enum AuthoritySaid: Sendable {
  case message(AuthorityMessage)
  case blocks(SentBlocks)
  case turnedDown(TurnedDown)
  /// Its clock.
  case heartbeat(UInt64)
}

extension AuthoritySaid {
  /// - Parameter nonce: this follower's own, which the authority signs when it opens an epoch.
  /// - Throws: `peer.malformed`, `peer.signature`; what the authority's transport has refused.
  init(wire: Goud_Peer_V1_AuthorityMessage, nonce: [UInt8], to identity: NodeIdentity) throws {
    switch wire.kind {
    case .openEpoch(let wire):
      let open = try OpenEpoch(wire: wire)
      let preimage = open.preimage(chain: identity.chain, follower: identity.name, nonce: nonce)
      try identity.check(wire.signature, over: preimage, by: identity.authority)
      self = .message(.openEpoch(open))
    case .append(let append):
      guard append.blocks.count <= PeerLimits.batchBlocks else {
        throw PeerFault(.malformed, "\(append.blocks.count) blocks in one message")
      }
      let bare = Append(
        epoch: append.epoch, previous: try BlockID(wire: append.previous), blocks: [],
        acknowledged: append.acknowledged)
      try PeerFault.refuse(AuthorityMessage.append(bare).implausibility)
      self = .blocks(
        SentBlocks(
          epoch: bare.epoch, previous: bare.previous, blocks: append.blocks.map { [UInt8]($0) },
          acknowledged: bare.acknowledged))
    case .acknowledged(let acknowledged):
      self = .message(.acknowledged(Acknowledged(epoch: acknowledged.epoch, height: acknowledged.height)))
    case .admission(let admission):
      self = .message(
        .admission(
          Admission(
            epoch: admission.epoch, height: admission.height,
            beginning: try admission.beginning.bytes(16, "a beginning"))))
    case .refusal(let refusal): throw PeerFault(refusedBy: refusal)
    case .heartbeat(let heartbeat): self = .heartbeat(try PeerTime.parse(heartbeat.clock))
    case .turnedDown(let refused):
      let hint = refused.hint.isEmpty ? nil : refused.hint.firstLine
      self = .turnedDown(
        TurnedDown(
          ids: refused.ids.map { [UInt8]($0) },
          error: GoudError(
            ErrorCode(rawValue: refused.code) ?? .internalFault, refused.message.firstLine, hint: hint)))
    case .challenge: throw PeerFault(.malformed, "a second challenge")
    case nil: throw PeerFault(.malformed, "a message of an unknown kind")
    }
    if case .message(let message) = self { try PeerFault.refuse(message.implausibility) }
  }
}

extension OpenEpoch {
  init(wire: Goud_Peer_V1_OpenEpoch) throws {
    let join = try wire.joinBeginning.bytes(0, 16, "a beginning")
    guard join.isEmpty || !wire.rejoin else { throw PeerFault(.malformed, "two demands at once") }
    self.init(
      epoch: try Epoch(number: wire.epoch, wireNonce: wire.nonce),
      reign: try Epoch(number: wire.reign, wireNonce: wire.reignNonce),
      round: wire.round, standing: wire.member ? .member : .rejoining,
      beginning: try wire.beginning.bytes(0, 16, "a beginning"),
      demand: wire.rejoin ? .rejoin : join.isEmpty ? .none : .join(beginning: join))
  }

  /// - Parameters:
  ///   - follower: to whom it goes.
  ///   - nonce: of that follower's introduction.
  func wire(nonce: [UInt8], follower: String, from identity: NodeIdentity) throws -> Goud_Peer_V1_OpenEpoch {
    let signature = try identity.sign(preimage(chain: identity.chain, follower: follower, nonce: nonce))
    return .with {
      $0.epoch = epoch.number
      $0.nonce = Data(epoch.nonce)
      $0.reign = reign.number
      $0.reignNonce = Data(reign.nonce)
      $0.round = round
      $0.member = standing == .member
      $0.beginning = Data(beginning)
      $0.signature = Data(signature)
      switch demand {
      case .none: break
      case .rejoin: $0.rejoin = true
      case .join(let beginning): $0.joinBeginning = Data(beginning)
      }
    }
  }
}

extension Goud_Peer_V1_AuthorityMessage {
  static func append(_ sent: SentBlocks) -> Self {
    .with {
      $0.append = .with {
        $0.epoch = sent.epoch
        $0.previous = sent.previous.wire
        $0.blocks = sent.blocks.map { Data($0) }
        $0.acknowledged = sent.acknowledged
      }
    }
  }

  static func acknowledged(_ acknowledged: Acknowledged) -> Self {
    .with {
      $0.acknowledged = .with {
        $0.epoch = acknowledged.epoch
        $0.height = acknowledged.height
      }
    }
  }

  static func admission(_ admission: Admission) -> Self {
    .with {
      $0.admission = .with {
        $0.epoch = admission.epoch
        $0.height = admission.height
        $0.beginning = Data(admission.beginning)
      }
    }
  }

  static func refusal(_ refusal: Refusal) -> Self { .with { $0.refusal = refusal.wire } }
  static func heartbeat() -> Self { .with { $0.heartbeat.clock = PeerClock.now() } }
}
