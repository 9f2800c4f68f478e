import Chain
import Crypto
import Foundation
import GRPCCore
import GoudCore
import NIOCore
import PeerProtocol
import Replication
import SwiftASN1
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import X509

@testable import Node

/// Who is believed to be a validator, and what all others get.
@Suite struct ProofTests {
  let meeting = Meeting()

  private func certificate(
    of node: String = "node2", chain: [UInt8]? = nil, key: ValidatorKey? = nil, days: Double = 0
  ) throws -> [UInt8] {
    let made = try PeerCertificate(
      node: node, chain: chain ?? meeting.chain, key: key ?? meeting.keys[node]!, now: Date() + days * 86_400)
    return try made.chain[0].serializeAsPEM().derBytes
  }

  private func fault(_ der: [UInt8]) -> PeerFault? {
    do {
      _ = try meeting.identity("node1").validator(showing: der)
      return nil
    } catch {
      return error
    }
  }

  // MARK: - Certificates

  @Test func aCertificateIsBelievedOfItsValidatorAlone() throws {
    #expect(try meeting.identity("node1").validator(showing: certificate()) == "node2")
    #expect(fault(try certificate(key: .generate()))?.code == .unproven)
    #expect(fault(try certificate(of: "node2", key: meeting.keys["node3"]))?.code == .unproven)
    #expect(fault(try certificate(of: "mallory", key: .generate()))?.code == .unproven)
    #expect(fault([])?.code == .unproven)
    #expect(fault(try certificate().dropLast())?.code == .unproven)
    let other = fault(try certificate(chain: Meeting().chain))
    #expect(other?.code == .unproven && other?.reason.contains("chain") == true)
  }

  /// It could be had from any handshake, and has no end.
  @Test func theValidatorsOwnCertificateIsNobodysForAHandshake() throws {
    let made = try PeerCertificate(node: "node2", chain: meeting.chain, key: meeting.keys["node2"]!)
    #expect(fault(try made.chain[1].serializeAsPEM().derBytes)?.code == .unproven)
  }

  @Test func noByteOfACertificateCanBeAnother() throws {
    let der = try certificate()
    for place in der.indices {
      var changed = der
      changed[place] ^= 1 << UInt8.random(in: 0..<8)
      #expect(fault(changed)?.code == .unproven, "byte \(place)")
    }
  }

  @Test func aClockThatIsWrongByDaysIsNamed() throws {
    for days in [-365.0, -7.1, 1.1, 365] {
      let fault = fault(try certificate(days: days))
      #expect(fault?.code == .clock && fault?.reason.contains("set the clock that is wrong") == true, "\(days)")
    }
    for days in [-6.9, -0.9, 0, 0.9] { #expect(fault(try certificate(days: days)) == nil, "\(days)") }
    // A stranger's clock is nobody's business.
    #expect(fault(try certificate(key: .generate(), days: 365))?.code == .unproven)
  }

  @Test func certificatesAreMadeAnewInTimeAndWhenTheClockWasSet() throws {
    let clock = Mutex(Date())
    let credentials = PeerCredentials(node: "node2", chain: meeting.chain, key: meeting.keys["node2"]!) {
      clock.withLock { $0 }
    }
    var last = try credentials.server()
    for (days, renewed) in [(0.5, false), (0.6, true), (6, true), (-400, true), (0.1, false), (900, true)] {
      clock.withLock { $0 += days * 86_400 }
      let next = try credentials.server()
      #expect((next !== last) == renewed, "after \(days) days")
      last = next
    }
  }

  // MARK: - Connections

  private func fault(
    calling address: HostPort, as identity: NodeIdentity, _ name: String = "node1"
  ) async -> PeerFault? {
    do {
      _ = try await PeerConnection.with(PeerAddress(name: name, address: address), as: identity) {
        try await $0.inspect(.init(), options: PeerLimits.call(timeout: .seconds(10)))
      }
      return nil
    } catch {
      return PeerFault(error)
    }
  }

  @Test func aStrangerGetsNoAnswerToAnyCall() async throws {
    let host = StubHost(meeting)
    let strangers = [
      meeting.identity("node2", key: .generate()), meeting.identity("node2", key: meeting.keys["node3"]),
      meeting.identity("mallory", key: .generate()), NodeIdentity.off(meeting, days: -30),
      NodeIdentity.off(meeting, days: 30),
    ]
    try await withPeerServer(meeting.identity("node1"), host) { [self] address, book in
      for stranger in strangers { #expect(await fault(calling: address, as: stranger) != nil) }
      #expect(await fault(calling: address, as: meeting.identity("node2")) == nil)
      let faults = Set(book.strangers.compactMap(\.fault?.code))
      #expect(faults == [.clock, .unproven])
      #expect(book.pages.allSatisfy { $0.refusals == 0 })
    }
    #expect(host.record.withLock { $0.inspections } == 1)
  }

  /// The client's own certificate names it; not even that is shown to a server that was not called.
  @Test func aNodeSaysNothingToAServerThatIsNotTheOneItCalled() async throws {
    let host = StubHost(meeting)
    for (server, called) in [("node3", "node1"), ("node1", "node3")] {
      try await withPeerServer(meeting.identity(server), host) { [self] address, book in
        let fault = await fault(calling: address, as: meeting.identity("node2"), called)
        #expect(fault?.code == .unproven && fault?.reason.contains(server) == true, "\(String(describing: fault))")
        #expect(book.strangers.isEmpty && book["node2"]?.connected == false)
      }
    }
    #expect(host.record.withLock { $0.inspections } == 0)
  }

  @Test func aValidatorCannotIntroduceItselfAsAnother() async throws {
    let host = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, book in
      let refusal = try await meeting.call(address, as: "node3") { client in
        try await client.follow(options: PeerLimits.call()) { writer in
          try await writer.write(.with { $0.introduction.node = "node2" })
          try await Task.sleep(for: .seconds(60))
        } onResponse: { response in
          for try await message in response.messages {
            if case .refusal(let refusal)? = message.kind { return refusal.code }
          }
          return ""
        }
      }
      #expect(refusal == "peer.unproven")
      #expect(book["node3"]?.refusals == 1 && book["node2"]?.refusals == 0)
    }
    #expect(host.record.withLock { $0.followers.isEmpty })
  }

  @Test func oneValidatorsConnectionsTakeNobodyElsesSeats() async throws {
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting)) { [meeting] address, _ in
      try await withThrowingTaskGroup { group in
        for _ in 0..<3 * PeerLimits.seats {
          group.addTask {
            try? await meeting.call(address, as: "node2") { _ in try await Task.sleep(for: .seconds(60)) }
          }
        }
        for _ in 0..<20 {
          let reply = try await meeting.call(address, as: "node3") { try await $0.inspect(.init()) }
          #expect(reply.node == "node1")
        }
        // Its own it takes from itself.
        try await waitUntil("node2 to be served") {
          (try? await meeting.call(address, as: "node2") { try await $0.inspect(.init()) }) != nil
        }
        group.cancelAll()
      }
    }
  }
}

extension NodeIdentity {
  /// A validator that shows a certificate of another time.
  fileprivate static func off(_ meeting: Meeting, days: Double) -> NodeIdentity {
    let asked = Atomic<Int>(0)
    return NodeIdentity(
      name: "node2", genesis: meeting.genesis, chain: meeting.block.hash, key: meeting.keys["node2"]!,
      clock: { Date() + (asked.add(1, ordering: .relaxed).oldValue == 0 ? days * 86_400 : 0) })
  }
}
