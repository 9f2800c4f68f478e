import Chain
import GoudCore
import Replication
import TestSupport
import Testing

@testable import Node

@Suite struct ClusterTests {
  @Test func threeNodesAcknowledgeABlock() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      let place = try await cluster.submit(Cluster.account())
      try await cluster.waitUntilAcknowledged(place.block.height)
      for name in cluster.names {
        let block = try await cluster.ledger(name).block(at: place.block.height)
        #expect(block?.hash.bytes == place.block.hash)
      }
    }
  }

  @Test func whoWritesAtAFollowerReadsItThere() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.submit(account, at: "node3")
      let place = try await cluster.submit(Cluster.data(of: account), at: "node2")
      let ledger = try await cluster.ledger("node2")
      #expect(ledger.acknowledged >= place.block.height)
    }
  }

  @Test func aNetworkOfOneAcknowledgesAlone() async throws {
    try await Cluster.with(nodes: 1) { cluster in
      try await cluster.start()
      let place = try await cluster.submit(Cluster.account())
      #expect(try await cluster.ledger("node1").acknowledged >= place.block.height)
    }
  }
}
