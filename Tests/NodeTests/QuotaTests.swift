import Chain
import GoudCore
import Replication
import Testing

@testable import Node

/// What one account may store, whoever is asked, however many ask at once, and whatever happens to the nodes.
@Suite struct QuotaTests {
  private static let quota: UInt64 = 1 << 20
  private static let bytes = 100_000

  private func store(_ cluster: Cluster, _ account: Entry, at name: String) async throws -> GoudError? {
    do {
      _ = try await cluster.attempt(Cluster.data(of: account, bytes: Self.bytes), at: name, for: .seconds(60))
      return nil
    } catch let error as GoudError {
      return error
    }
  }

  private func id(_ account: Entry) -> [UInt8] { account.id }

  @Test func aCrowdOfRequestsAtAllNodesStoresNoMoreThanTheQuota() async throws {
    try await Cluster.with(accountQuota: Self.quota) { cluster in
      try await cluster.start()
      let (account, other) = (Cluster.account(), Cluster.account())
      for entry in [account, other] {
        let place = try await cluster.submit(entry)
        try await cluster.waitUntilAcknowledged(place.block.height)
      }
      let codes = try await withThrowingTaskGroup(of: ErrorCode?.self) { group in
        for number in 0..<60 {
          group.addTask { try await self.store(cluster, account, at: "node\(number % 3 + 1)")?.code }
        }
        let asked = ContinuousClock.now
        let error = try await self.store(cluster, other, at: "node2")
        #expect(error == nil && ContinuousClock.now - asked < .seconds(10))
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(codes.count { $0 == nil } == 10)
      #expect(codes.count { $0 == .accountQuota } == 50, "\(codes)")
      let stored = try #require(try await cluster.ledger("node1").stored(by: id(account)))
      #expect(stored > 10 * UInt64(Self.bytes) && stored <= Self.quota)
      // Every node has the same sum, also after it was killed and started anew.
      for name in cluster.names { await cluster.stop(name) }
      try await cluster.start()
      let place = try await cluster.submit(Cluster.account())
      try await cluster.waitUntilAcknowledged(place.block.height)
      for name in cluster.names { #expect(try await cluster.ledger(name).stored(by: id(account)) == stored) }
      for name in cluster.names { #expect(try await store(cluster, account, at: name)?.code == .accountQuota) }
      #expect(try await store(cluster, other, at: "node1") == nil)
    }
  }

  @Test func aQuotaThatIsUsedUpKeepsNobodyFromEndingSessionsAFewHundredTimes() async throws {
    try await Cluster.with(accountQuota: Self.quota) { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.submit(account)
      while try await store(cluster, account, at: "node1") == nil {}
      let before = try #require(try await cluster.ledger("node1").stored(by: id(account)))
      var refused: ErrorCode?
      for minute in 0..<1000 as Range<UInt64> where refused == nil {
        let ending = Entry.data(
          SealedData(
            id: Revocation.sessions(of: id(account), minute: minute), account: id(account),
            label: [UInt8](repeating: 1, count: 400), payload: [2], created: minute * 60_000)!)
        do {
          _ = try await cluster.attempt(ending, at: "node2", for: .seconds(60))
        } catch let error as GoudError {
          refused = error.code
        }
      }
      #expect(refused == .accountQuota)
      let stored = try #require(try await cluster.ledger("node1").stored(by: id(account)))
      #expect(stored > max(before, Self.quota) && stored <= Self.quota + FreshTickets.beyondQuota)
      #expect(try await store(cluster, account, at: "node1")?.code == .accountQuota)
    }
  }

  @Test func anEntryThatIsSentAgainCountsOnce() async throws {
    try await Cluster.with(accountQuota: Self.quota) { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.submit(account)
      let entry = Cluster.data(of: account, bytes: 600_000)
      let place = try await cluster.submit(entry)
      #expect(try await cluster.submit(entry) == place)
      #expect(try await cluster.ledger("node1").stored(by: id(account)) ?? 0 < 700_000)
    }
  }
}
