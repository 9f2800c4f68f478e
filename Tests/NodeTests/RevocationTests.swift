import Chain
import GoudCore
import HTTPTypes
import Replication
import Synchronization
import Testing

@testable import Node

/// Keys and sessions that were ended stay so, at every node that knows.
@Suite struct RevocationTests {
  private func login(_ node: NodeFixture, _ key: String) async throws -> NodeFixture.Reply {
    try await node.post("/account/login", ["api_key": key])
  }

  private func revoke(_ node: NodeFixture, _ key: String) async throws -> NodeFixture.Reply {
    try await node.post("/account/revoke", ["api_key": key])
  }

  private func isServed(_ node: NodeFixture, _ token: String) async throws -> ErrorCode? {
    try await node.get("/data/list", token: token).code
  }

  @Test(arguments: NodeFixture.Way.allCases) func aRevokedKeyOpensNothing(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      let (key, token) = try await node.account()
      let second = try await login(node, key).text("session_token")
      let other = try await node.account()
      #expect(try await node.submit("a", "b", token).status == 201)
      let revoked = try await revoke(node, key)
      #expect(revoked.status == 200 && revoked.number("block_number") ?? 0 > 0)
      for session in [token, second] {
        #expect(try await isServed(node, session) == .keyRevoked)
        #expect(try await node.submit("a", "b", session).code == .keyRevoked)
      }
      let refused = try await login(node, key)
      #expect(refused.status == 401 && refused.code == .keyRevoked)
      // Once more changes nothing; nobody else is concerned.
      #expect(try await isServed(node, other.token) == nil)
      #expect(try await login(node, other.key).status == 200)
    }
  }

  @Test func onlyTheKeyEndsTheKey() async throws {
    try await NodeFixture.with(.routes) { node in
      let (key, token) = try await node.account()
      for wrong in [token, APIKey().text, "", String(key.dropLast())] {
        #expect(try await revoke(node, wrong).status == 401)
      }
      #expect(try await isServed(node, token) == nil)
    }
  }

  @Test func endedSessionsAreRefusedAndNewOnesAreNot() async throws {
    try await NodeFixture.with(.routes) { node in
      let (key, first) = try await node.account()
      var token = first
      // Again and again within the same minute.
      for _ in 0..<4 {
        let other = try await login(node, key).text("session_token")
        #expect(try await isServed(node, token) == nil)
        let ended = try await node.send(.post, "/account/logout", token: token)
        #expect(ended.status == 200)
        for session in [first, token, other] { #expect(try await isServed(node, session) == .sessionEnded) }
        token = try await login(node, key).text("session_token")
        #expect(try await isServed(node, token) == nil)
        #expect(try await node.submit("a", "b", token).status == 201)
      }
      #expect(try await node.send(.post, "/account/logout").status == 401)
    }
  }

  @Test func sessionsAreNotEndedFurtherAndFurtherAhead() async throws {
    try await NodeFixture.with(.routes) { node in
      let key = try await node.account().key
      var ended = 0
      var reply = try await login(node, key)
      while reply.status == 200, ended < 30 {
        reply = try await node.send(.post, "/account/logout", token: reply.text("session_token"))
        if reply.status == 200 { ended += 1 }
        reply = try await login(node, key)
      }
      #expect(reply.status == 429 && (9...11).contains(ended), "\(ended)")
    }
  }

  // MARK: - In a network

  private static func revocation(of account: Entry) -> Entry {
    .data(
      SealedData(
        id: Revocation.key(of: account.id), account: account.id, label: [1], payload: [2], created: PeerClock.now())!)
  }

  private func code(_ cluster: Cluster, _ entry: Entry, at name: String) async throws -> ErrorCode? {
    do {
      _ = try await cluster.attempt(entry, at: name, for: .seconds(30))
      return nil
    } catch let error as GoudError {
      return error.code
    }
  }

  @Test func aNodeThatDoesNotKnowYetStoresNothingMoreEither() async throws {
    try await Cluster.with(accountQuota: 1024) { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.submit(account)
      let before = try await cluster.ledger("node3").revision
      // Neither a quota that is used up nor a disk that is full keeps anybody from it.
      #expect(try await code(cluster, Cluster.data(of: account, bytes: 800), at: "node2") == nil)
      cluster.available.withLock { $0["node1"] = 100 << 20 }
      try await cluster.waitUntil("node1 to be short") { try await cluster.host("node1").status.condition == .degraded }
      let ended = try await cluster.submit(Self.revocation(of: account), at: "node2")
      cluster.available.withLock { $0["node1"] = nil }
      for name in cluster.names {
        try await cluster.waitUntil("room") { try await cluster.host(name).status.condition == .healthy }
        #expect(try await code(cluster, Cluster.data(of: account, bytes: 8), at: name) == .keyRevoked)
        #expect(try await code(cluster, Self.revocation(of: account), at: name) == nil)
      }
      try await cluster.waitUntilAcknowledged(ended.block.height)
      #expect(try await cluster.ledger("node3").revision != before)
      for name in cluster.names { await cluster.stop(name) }
      try await cluster.start()
      for name in cluster.names { #expect(try await cluster.ledger(name).isRevoked(account.id)) }
    }
  }
}
