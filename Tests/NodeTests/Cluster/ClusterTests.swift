import Chain
import GoudCore
import Replication
import Synchronization
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

  /// Whatever the authority's stop interrupts: an answer tells the truth, and nothing that is under way is given up.
  @Test func whatIsHandedOnOutlivesTheAuthoritysRestart() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.submit(account)
      let over = Flag()
      let outcomes = try await withThrowingTaskGroup(of: [(Entry, EntryTicket.Outcome)].self) { group in
        for client in 0..<16 {
          group.addTask {
            var outcomes: [(Entry, EntryTicket.Outcome)] = []
            while !over.isRaised {
              let entry = Cluster.data(of: account)
              do {
                let place = try await cluster.attempt(entry, at: client % 2 == 0 ? "node2" : "node3", for: .seconds(60))
                outcomes.append((entry, .success(place)))
              } catch let error as GoudError {
                outcomes.append((entry, .failure(error)))
                try await Task.sleep(for: .milliseconds(20))
              }
            }
            return outcomes
          }
        }
        for _ in 0..<3 {
          let length = try await cluster.ledger("node2").head.height
          try await cluster.waitUntil("blocks") { try await cluster.ledger("node2").head.height > length + 10 }
          await cluster.stop("node1")
          try await cluster.start("node1")
          try await cluster.submit(Cluster.account(), at: "node2")
        }
        over.raise()
        return try await group.reduce(into: []) { $0 += $1 }
      }
      let place = try await cluster.submit(Cluster.account())
      try await cluster.waitUntilAcknowledged(place.block.height)
      let ledger = try await cluster.ledger("node3")
      #expect(outcomes.count { (try? $0.1.get()) != nil } > 30)
      for (entry, outcome) in outcomes {
        switch outcome {
        case .success(let place):
          #expect(
            try ledger.position(of: entry) == EntryPosition(height: place.block.height, index: UInt32(place.index)))
        case .failure(let error):
          #expect([.nodeNoMajority, .nodeNotReady].contains(error.code), "\(error)")
          #expect(try ledger.position(of: entry) == nil, "refused, and in the chain: \(error)")
        }
      }
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

private final class Flag: Sendable {
  private let raised = Atomic<Bool>(false)
  var isRaised: Bool { raised.load(ordering: .relaxed) }
  func raise() { raised.store(true, ordering: .relaxed) }
}
