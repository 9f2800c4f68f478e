import Chain
import Foundation
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf
import TestSupport
import Testing

@testable import Node

/// Every number that Proto/peer.proto has a place for, at its extremes: refused as `peer.malformed` where it comes in, or
/// one that can be counted on from. A new field is found here by itself.
@Suite struct NumbersTests {
  private let meeting = Meeting()

  @Test func everyNumberOfEveryMessageIsBoundedWhereItComesIn() throws {
    var fields: Set<String> = []
    for message in followerMessages {
      for (field, changed) in try variants(of: message) {
        fields.insert(field)
        try expectBounded(field) {
          switch try FollowerSaid(wire: changed) {
          case .message(let message): message.implausibility
          case .heartbeat(let clock, _): clock > 253_402_300_799_999 ? "a clock at \(clock)" : nil
          case .entries: nil
          }
        }
      }
    }
    for (field, changed) in try variants(of: introduction) {
      fields.insert(field)
      try expectBounded(field) { try Introduction(wire: sign(changed), challenge: challenge, to: node1).implausibility }
    }
    for message in authorityMessages {
      for (field, changed) in try variants(of: message) {
        fields.insert(field)
        try expectBounded(field) {
          if case .refusal(let wire)? = changed.kind { return try Refusal(wire: wire)?.implausibility }
          return switch try AuthoritySaid(wire: sign(changed), nonce: nonce, to: meeting.identity("node2")) {
          case .message(let message): message.implausibility
          case .blocks(let sent):
            AuthorityMessage.append(
              Append(epoch: sent.epoch, previous: sent.previous, blocks: [], acknowledged: sent.acknowledged)
            ).implausibility
          case .heartbeat(let clock): clock > 253_402_300_799_999 ? "a clock at \(clock)" : nil
          case .turnedDown: nil
          }
        }
      }
    }
    for (field, changed) in try variants(of: reply) {
      fields.insert(field)
      try expectBounded(field) { try Position(wire: changed.position).implausibility }
    }
    // Those of calls are tried at the service itself: BadPeerTests.
    fields.formUnion(["from", "limit", "heights"])
    #expect(fields == (try declaredNumbers()), "a number of the protocol is not tried here")
  }

  @Test func aLocatorBeginsAtTheHeadAndGoesDown() {
    let head = BlockID(height: 9, epoch: 2, hash: hash(9))
    let position = Position(head: head, acknowledged: 3, standing: .member, beginning: [], promised: 2)
    func implausible(_ locator: [BlockID]) -> Bool {
      Introduction(node: "node2", position: position, locator: locator).implausibility != nil
    }
    let middle = BlockID(height: 5, epoch: 1, hash: hash(5))
    #expect(!implausible([head, middle, meeting.origin]))
    #expect(implausible([middle, meeting.origin]))
    #expect(implausible([BlockID(height: 100, epoch: 2, hash: hash(1)), head, meeting.origin]))
    #expect(implausible([head, head, meeting.origin]))
    #expect(implausible([head, BlockID(height: 5, epoch: 3, hash: hash(5)), meeting.origin]))
    #expect(implausible([head, middle]))
    #expect(implausible([]))
  }

  // MARK: - What is sent

  private var node1: NodeIdentity { meeting.identity("node1") }
  private let challenge = [UInt8](repeating: 3, count: 32)
  private let nonce = [UInt8](repeating: 4, count: 32)

  private func hash(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 32) }
  private var locator: [BlockID] {
    [BlockID(height: 7, epoch: 3, hash: hash(7)), BlockID(height: 6, epoch: 2, hash: hash(6)), meeting.origin]
  }
  private var position: Position {
    Position(
      head: locator[0], acknowledged: 5, standing: .member, beginning: [UInt8](repeating: 1, count: 16), promised: 4)
  }
  private var id: Data { Data(repeating: 9, count: 16) }

  private var introduction: Goud_Peer_V1_Introduction {
    .with {
      $0.node = "node2"
      $0.chain = Data(meeting.chain)
      $0.schemaVersion = meeting.genesis.schemaVersion
      $0.position = position.wire
      $0.locator = locator.map(\.wire)
      $0.clock = PeerClock.now()
      $0.nonce = Data(nonce)
      $0.signature = Data(count: 64)
    }
  }

  private var followerMessages: [Goud_Peer_V1_FollowerMessage] {
    let promise = Promise(
      epoch: Epoch(number: 4, nonce: [UInt8](id)), round: 2, position: position, locator: locator)
    return [
      .with {
        $0.promise.epoch = promise.epoch.number
        $0.promise.nonce = id
        $0.promise.round = promise.round
        $0.promise.position = position.wire
        $0.promise.locator = locator.map(\.wire)
      },
      .with {
        $0.stored.epoch = 4
        $0.stored.head = locator[0].wire
      },
      .with { $0.refusal = Refusal(.promised, promised: 4, height: 3).wire },
      .with { $0.heartbeat.clock = PeerClock.now() },
    ]
  }

  private var authorityMessages: [Goud_Peer_V1_AuthorityMessage] {
    [
      .with {
        $0.openEpoch.epoch = 4
        $0.openEpoch.nonce = id
        $0.openEpoch.reign = 2
        $0.openEpoch.reignNonce = id
        $0.openEpoch.round = 1
        $0.openEpoch.member = true
        $0.openEpoch.beginning = id
      },
      .append(SentBlocks(epoch: 4, previous: locator[0], blocks: [], acknowledged: 5)),
      .acknowledged(Acknowledged(epoch: 4, height: 5)),
      .admission(Admission(epoch: 4, height: 5, beginning: [UInt8](id))),
      .refusal(Refusal(.otherBeginning, promised: 4, height: 3)),
      .with { $0.heartbeat.clock = PeerClock.now() },
    ]
  }

  private var reply: Goud_Peer_V1_InspectReply {
    .with {
      $0.position = position.wire
    }
  }

  /// With a signature that holds for whatever numbers it has.
  private func sign(_ wire: Goud_Peer_V1_Introduction) throws -> Goud_Peer_V1_Introduction {
    let unsigned = UnsignedIntroduction(wire)
    var wire = wire
    wire.signature = Data(try meeting.keys["node2"]!.sign(unsigned.preimage(challenge)))
    return wire
  }

  private func sign(_ wire: Goud_Peer_V1_AuthorityMessage) throws -> Goud_Peer_V1_AuthorityMessage {
    guard case .openEpoch(let open) = wire.kind else { return wire }
    let bare = OpenEpoch(
      epoch: Epoch(number: open.epoch, nonce: [UInt8](open.nonce)),
      reign: Epoch(number: open.reign, nonce: [UInt8](open.reignNonce)), round: open.round, standing: .member,
      beginning: [UInt8](open.beginning))
    let preimage = bare.preimage(chain: meeting.chain, follower: "node2", nonce: nonce)
    var wire = wire
    wire.openEpoch.signature = Data(try meeting.keys["node1"]!.sign(preimage))
    return wire
  }

  // MARK: - Its numbers

  private static let extremes: [UInt64] = [0, 1 << 31, 1 << 32, 1 << 53, 1 << 62, 1 << 63].flatMap { edge in
    (0..<5 as Range<UInt64>).map { edge &+ $0 &- 2 }
  }

  /// The message, each time with one number set to an extreme. By its JSON, in which numbers of 64 bits are texts.
  private func variants<M: SwiftProtobuf.Message>(of message: M) throws -> [(String, M)] {
    let object = try JSONSerialization.jsonObject(with: try message.jsonUTF8Data())
    return try Self.extremes.flatMap { value in
      try places(in: object).compactMap { path, name, isText in
        guard isText || value <= UInt32.max else { return nil }
        let changed = replace(object, path[...], by: isText ? "\(value)" : value)
        return (name, try M(jsonUTF8Data: try JSONSerialization.data(withJSONObject: changed)))
      }
    }
  }

  private enum Step {
    case key(String)
    case index(Int)
  }

  private func places(in object: Any, _ path: [Step] = [], name: String = "") -> [([Step], String, isText: Bool)] {
    switch object {
    case let object as [String: Any]: object.flatMap { places(in: $1, path + [.key($0)], name: $0) }
    case let list as [Any]: list.enumerated().flatMap { places(in: $1, path + [.index($0)], name: name) }
    case let text as String: text.allSatisfy(\.isNumber) && !text.isEmpty ? [(path, name, true)] : []
    case is NSNumber where name != "member": [(path, name, false)]
    default: []
    }
  }

  private func replace(_ object: Any, _ path: ArraySlice<Step>, by value: Any) -> Any {
    switch path.first {
    case .key(let key):
      guard var object = object as? [String: Any], let inner = object[key] else { return object }
      object[key] = replace(inner, path.dropFirst(), by: value)
      return object
    case .index(let index):
      guard var list = object as? [Any] else { return object }
      list[index] = replace(list[index], path.dropFirst(), by: value)
      return list
    case nil: return value
    }
  }

  /// The names of all numbers in Proto/peer.proto, as JSON spells them.
  private func declaredNumbers() throws -> Set<String> {
    let text = try String(contentsOfFile: Checkout.path("Proto/peer.proto"), encoding: .utf8)
    let names = text.matches(of: /u?int(?:32|64) ([a-z_]+) =/).map { match in
      let words = match.1.split(separator: "_")
      return String(words[0]) + words.dropFirst().map(\.capitalized).joined()
    }
    return Set(names)
  }

  private func expectBounded(_ field: String, _ body: () throws -> String?) throws {
    do {
      let implausibility = try body()
      #expect(implausibility == nil, "\(field)")
    } catch let fault as PeerFault {
      #expect([.malformed, .refused(.schema)].contains(fault.code), "\(field): \(fault)")
    }
  }
}

/// What an introduction is signed over, whatever its numbers are.
private struct UnsignedIntroduction {
  private let introduction: Introduction
  private let wire: Goud_Peer_V1_Introduction

  init(_ wire: Goud_Peer_V1_Introduction) {
    self.wire = wire
    let head = wire.position.head
    introduction = Introduction(
      node: wire.node,
      position: Position(
        head: BlockID(height: head.height, epoch: head.epoch, hash: [UInt8](head.hash)),
        acknowledged: wire.position.acknowledged, standing: wire.position.member ? .member : .rejoining,
        beginning: [UInt8](wire.position.beginning), promised: wire.position.promisedEpoch),
      locator: [])
  }

  func preimage(_ challenge: [UInt8]) -> [UInt8] {
    introduction.preimage(
      IntroductionContext(
        chain: [UInt8](wire.chain), schemaVersion: wire.schemaVersion, challenge: challenge,
        nonce: [UInt8](wire.nonce), clock: wire.clock))
  }
}
