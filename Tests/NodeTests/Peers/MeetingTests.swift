import Chain
import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication
import Synchronization
import TestSupport
import Testing

@testable import Node

/// A follower and the authority over real connections.
@Suite struct MeetingTests {
  let meeting = Meeting()

  /// Runs a follower's session until it ends, and returns why.
  private func fault(
    of follower: NodeIdentity, at address: HostPort, _ host: StubHost, _ book: PeerBook? = nil
  ) async throws -> PeerFault? {
    let session = AuthoritySession(
      identity: follower, host: host, book: book ?? PeerBook(peers: [follower.authority]))
    do {
      try await session.run(at: address)
      return nil
    } catch let fault as PeerFault {
      return fault
    }
  }

  private func expect(
    _ code: PeerFault.Code, of follower: NodeIdentity, at address: HostPort, _ host: StubHost,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let fault = try await fault(of: follower, at: address, host)
    #expect(fault?.code == code, sourceLocation: sourceLocation)
  }

  @Test func aFollowerAndTheAuthorityMeetAndTalk() async throws {
    let host = StubHost(meeting)
    let follower = StubHost(meeting)
    let book = PeerBook(peers: ["node1", "node3"])
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, authorityBook in
      try await race(
        {
          try await AuthoritySession(identity: meeting.identity("node2"), host: follower, book: book).run(at: address)
        },
        {
          try await waitUntil("the authority to be heard") { follower.record.withLock { $0.heard.count == 1 } }
          let stored = Stored(epoch: 3, head: meeting.origin, standing: .member)
          try follower.record.withLock { $0.authority }?.send(.stored(stored))
          try await waitUntil("the follower to be heard") { host.record.withLock { $0.said.count == 1 } }
        })
      #expect(authorityBook["node2"]?.lastContact != nil)
      #expect(abs(authorityBook["node2"]?.clockOffset ?? 99) < 5)
    }
    #expect(book["node1"]?.lastContact != nil)
    #expect(host.record.withLock { $0.followers.map(\.node) } == ["node2"])
  }

  @Test func entriesAreHandedOnAndWhatIsTurnedDownComesBack() async throws {
    let host = StubHost(meeting) { entry in
      entry == [2] ? nil : GoudError(.nodeNoMajority, "nobody is here", hint: "start node2")
    }
    let follower = StubHost(meeting)
    let book = PeerBook(peers: ["node1", "node3"])
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, _ in
      try await race(
        {
          try await AuthoritySession(identity: meeting.identity("node2"), host: follower, book: book).run(at: address)
        },
        {
          try await waitUntil("the follower") { follower.record.withLock { $0.authority != nil } }
          follower.record.withLock { $0.authority }?.submit([[1], [2], [3]])
          try await waitUntil("both") { follower.record.withLock { $0.turnedDown.flatMap(\.ids).count == 2 } }
        })
    }
    #expect(host.record.withLock { $0.entries } == [[1], [2], [3]])
    let turnedDown = follower.record.withLock { $0.turnedDown }
    #expect(turnedDown.flatMap(\.ids) == [[1], [3]])
    #expect(turnedDown.allSatisfy { $0.error.code == .nodeNoMajority && $0.error.hint == "start node2" })
  }

  @Test func aNodeOfAnotherChainIsToldApartBeforeAnythingIsSaid() async throws {
    let host = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, book in
      let stranger = meeting.identity("node2", chain: .zero)
      let fault = try await fault(of: stranger, at: address, StubHost(meeting))
      #expect(fault?.code == .unproven)
      #expect(fault?.reason.contains("this node is of 00000000") == true, "\(String(describing: fault))")
      #expect(book["node2"]?.fault == nil)
    }
    #expect(host.record.withLock { $0.followers.isEmpty })
  }

  @Test func aFollowerOfAnotherSchemaIsRefused() async throws {
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting)) { [meeting] address, _ in
      let newer = try Genesis(
        network: "test", validators: meeting.genesis.validators, schemaVersion: 2, nonce: meeting.genesis.nonce)
      try await expect(.refused(.schema), of: meeting.identity("node2", genesis: newer), at: address, StubHost(meeting))
    }
  }

  @Test func nobodyCanCallItselfAValidatorWithoutItsKey() async throws {
    let host = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, book in
      let impostor = meeting.identity("node2", key: ValidatorKey.generate())
      try await expect(.unproven, of: impostor, at: address, StubHost(meeting))
      let unknown = meeting.identity("mallory", key: ValidatorKey.generate())
      try await expect(.unproven, of: unknown, at: address, StubHost(meeting, "mallory"))
      let mirror = meeting.identity("node1")
      try await expect(.unproven, of: mirror, at: address, StubHost(meeting, "node1"))
      // What an impostor does is not blamed on the node whose name it used.
      #expect(book["node2"]?.refusals == 0)
    }
    #expect(host.record.withLock { $0.followers.isEmpty })
  }

  @Test func anImpostorOfTheAuthorityIsNotFollowed() async throws {
    let impostor = meeting.identity("node1", key: ValidatorKey.generate())
    let follower = StubHost(meeting)
    try await withPeerServer(impostor, StubHost(meeting)) { [meeting] address, _ in
      try await expect(.unproven, of: meeting.identity("node2"), at: address, follower)
    }
    #expect(follower.record.withLock { $0.heard.isEmpty && $0.blocks.isEmpty })
  }

  @Test func anAuthorityThatIsNotThereIsUnreachable() async throws {
    let address = try ListeningSocket(HostPort(host: "127.0.0.1", port: 0)).address
    let book = PeerBook(peers: ["node1"])
    let fault = try await fault(of: meeting.identity("node2"), at: address, StubHost(meeting), book)
    // A machine that is busy elsewhere may take longer to say no than the handshake may take.
    #expect(fault?.code == .unreachable || fault?.code == .silent)
    #expect(book["node1"]?.refusals == 0)
  }

  @Test func aBlockBatchBeyondTheLimitIsNotRead() async throws {
    let host = StubHost(meeting)
    let follower = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, _ in
      try await race(
        {
          let fault = try await fault(of: meeting.identity("node2"), at: address, follower)
          #expect(fault?.code == .malformed, "\(String(describing: fault))")
        },
        {
          try await waitUntil("the follower") { host.record.withLock { $0.followers.count == 1 } }
          let huge = [UInt8](repeating: 1, count: 9 << 20)
          let sent = SentBlocks(epoch: 3, previous: meeting.origin, blocks: [huge], acknowledged: 0)
          host.record.withLock { $0.followers[0] }.send(sent)
          try await Task.sleep(for: .seconds(60))
        })
    }
    #expect(follower.record.withLock { ($0.heard.count, $0.blocks.count) } == (1, 0))
  }

  @Test func whoeverTakesNothingIsDroppedInsteadOfKeepingTheAuthorityWaiting() async throws {
    let outbox = Outbox<Int>()
    var taken = 0
    while outbox.offer(taken, bytes: 1 << 20) { taken += 1 }
    #expect(taken == PeerLimits.outboxBytes >> 20)
    let many = Outbox<Int>()
    for number in 0..<PeerLimits.outboxMessages { #expect(many.offer(number)) }
    #expect(!many.offer(0))
  }
}
