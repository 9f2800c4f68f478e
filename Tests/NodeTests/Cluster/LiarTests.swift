import Chain
import Foundation
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf
import TestSupport
import Testing

@testable import Chain
@testable import Node

/// A validator gone bad among real nodes. Whatever it says, nothing ends, the liar is let go and named, and afterwards the
/// network opens another epoch and acknowledges entries on every node.
@Suite struct LiarTests {
  /// Of numbers that no correct node says.
  private static let tooMuch: [UInt64] = [
    .max, .max - 1, .max - 2, 1 << 63, (1 << 63) + 1, (1 << 63) - 1, (1 << 62) + 1, 1 << 53, 1 << 32, 1 << 31,
  ]

  @Test func aFollowersNumbersEndNothing() async throws {
    try await Cluster.with { cluster in
      try await cluster.start("node1", "node3")
      try await cluster.submit(Cluster.account())
      let liar = try await cluster.hostileFollower("node2")
      let (position, locator) = try await cluster.standing(of: "node1")
      for number in Self.tooMuch {
        let refusal = try await liar.meet(at: position, locator: locator) { _, say in
          say(.with { $0.refusal = Refusal(.promised, promised: number).wire })
          try await Task.sleep(for: .seconds(10))
        }
        #expect(refusal?.code == "peer.malformed", "\(number)")
      }
      #expect(try await cluster.host("node1").book["node2"]?.fault?.code == .malformed)
      // What is plausible is believed: a step at a time, each above the one before.
      for _ in 0..<3 {
        try await liar.meet(at: position, locator: locator) { open, say in
          say(.with { $0.refusal = Refusal(.promised, promised: open.epoch.number + (1 << 20)).wire })
          try await Task.sleep(for: .seconds(3))
        }
      }
      let raised = try await cluster.promised("node1")
      #expect(raised > 3 << 20 && raised < 4 << 20)
      try await cluster.expectToGoOn(after: raised)
    }
  }

  @Test func aLocatorAboveItsHeadAndBlocksThatAreNotThereEndNothing() async throws {
    try await Cluster.with { cluster in
      try await cluster.start("node1", "node3")
      for _ in 0..<5 { try await cluster.submit(Cluster.account()) }
      await cluster.stop("node3")
      let liar = try await cluster.hostileFollower("node2")
      let (position, locator) = try await cluster.standing(of: "node1")
      var low = position
      low.head = BlockID(height: 1, epoch: position.promised + 5, hash: [UInt8](repeating: 0, count: 32))
      low.acknowledged = 0
      let claim = low
      let refusal = try await liar.meet(at: position, locator: locator) { open, say in
        say(
          .with {
            $0.promise.epoch = open.epoch.number
            $0.promise.nonce = Data(open.epoch.nonce)
            $0.promise.round = open.round
            $0.promise.position = claim.wire
            $0.promise.locator = locator.map(\.wire)
          })
        try await Task.sleep(for: .seconds(10))
      }
      #expect(refusal?.code == "peer.malformed")
      try await cluster.expectToGoOn(after: try await cluster.promised("node1"))
    }
  }

  /// Ids are chosen by who submits: one that names data as its account must not reach a block.
  @Test func entriesOfALiarEndNothing() async throws {
    try await Cluster.with { cluster in
      try await cluster.start("node1", "node3")
      let account = Cluster.account()
      try await cluster.submit(account)
      let liar = try await cluster.hostileFollower("node2")
      let (position, locator) = try await cluster.standing(of: "node1")
      let data = Cluster.data(of: account)
      let orphan = SealedData(id: Cluster.random(16), account: data.id, label: [1], payload: [1], created: .max)!
      let entries = [data, .data(orphan), .account(Account(id: data.id, keyHash: Cluster.random(32), created: .max)!)]
      try await liar.meet(at: position, locator: locator) { _, say in
        for _ in 0..<3 { say(.with { $0.submit.entries = entries.map { Data($0.encoded) } }) }
        try await Task.sleep(for: .seconds(2))
      }
      try await cluster.expectToGoOn(after: try await cluster.promised("node1"))
    }
  }

  @Test func anAuthoritysNumbersEndNothing() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      let place = try await cluster.submit(Cluster.account())
      try await cluster.waitUntilAcknowledged(place.block.height)
      await cluster.stop("node1")
      for name in ["node2", "node3"] { try await lie(to: name, in: cluster) }
      let promised = try await cluster.promised("node2")
      #expect(promised < 1 << 21)
      try await cluster.expectToGoOn(after: promised)
    }
  }

  /// What an earlier release stored, and trapped on at every start.
  @Test func aPromiseThatLeavesNoRoomIsDamageAndSaidSo() async throws {
    try await Cluster.with(nodes: 1) { cluster in
      try await cluster.start()
      try await cluster.submit(Cluster.account())
      await cluster.stop("node1")
      do {
        let ledger = try Ledger(directory: "\(cluster.volume("node1"))/rocksdb")
        try ledger.setPromise(EpochPromise(epoch: .max - 1, nonce: Cluster.random(16)))
      }
      try await cluster.start()
      let failure = try await cluster.host("node1").failure
      #expect(failure?.kind == .corrupt && failure?.error.message.contains("18446744073709551614") == true)
    }
  }

  private func lie(to name: String, in cluster: Cluster) async throws {
    let liar = try await cluster.hostileAuthority(of: name)
    let record = try await cluster.host(name).volume.standing()
    let known = try await cluster.promised(name)
    let (head, chain) = (try await cluster.ledger(name).head, try await cluster.ledger(name).chain)
    let key = cluster.keys["node1"]!
    let reign = record.reign == .none ? Epoch(number: 0, nonce: record.beginning) : record.reign
    for number in [UInt64.max, 1 << 63, 1 << 62, 1 << 40] {
      let fault = try await liar.serve { liar in
        try liar.open(number, reign: reign, beginning: record.beginning)
        try await Task.sleep(for: .seconds(10))
      }
      #expect(fault?.code == .malformed, "\(number)")
    }
    let epoch = known + (1 << 20)
    /// What a block says that this follower gets after it has promised.
    func offer(
      _ numbers: (UInt64, UInt64, UInt64), entries: [[UInt8]] = [], told: UInt64 = 0
    ) async throws -> PeerFault? {
      let (height, epochOfBlock, time) = numbers
      let header = BlockHeader(
        chain: chain, height: height, epoch: epochOfBlock, time: time, previous: head.hash,
        merkleRoot: Merkle.root(of: entries), entryCount: UInt32(entries.count), producer: key.publicKey)
      let block = try Block(signing: header, entries: entries, key: key, chain: chain)
      return try await liar.serve { liar in
        try liar.open(epoch, reign: reign, beginning: record.beginning)
        liar.say(.append(SentBlocks(epoch: epoch, previous: head.id, blocks: [block.encoded], acknowledged: told)))
        try await Task.sleep(for: .seconds(10))
      }
    }
    let next = head.height + 1
    for numbers in [(.max, epoch, head.time), (next, .max, head.time), (next, 1 << 63, head.time), (next, epoch, .max)]
    {
      #expect(try await offer(numbers)?.code == .refused(.badBlock), "\(numbers)")
    }
    #expect(try await offer((next, epoch, head.time), told: .max)?.code == .malformed)
    // Whole by itself, but of an account that is not there: refused, and the node is not taken for damaged.
    let orphan = SealedData(id: Cluster.random(16), account: Cluster.random(16), label: [1], payload: [1], created: 1)!
    let entries = [Entry.data(orphan).encoded]
    #expect(try await offer((next, epoch, head.time), entries: entries)?.code == .refused(.badBlock))
    #expect(try await cluster.host(name).failure == nil)
    for message in numbersOf(epoch) {
      try await liar.serve { liar in
        try liar.open(epoch, reign: reign, beginning: record.beginning)
        liar.say(message)
      }
    }
    #expect(try await cluster.host(name).failure == nil)
  }

  private func numbersOf(_ epoch: UInt64) -> [Goud_Peer_V1_AuthorityMessage] {
    [UInt64.max, 1 << 63, 1 << 62, 0].flatMap { number in
      [
        .acknowledged(Acknowledged(epoch: epoch, height: number)),
        .acknowledged(Acknowledged(epoch: number, height: 1)),
        .admission(Admission(epoch: epoch, height: number, beginning: [UInt8](repeating: 1, count: 16))),
        .admission(Admission(epoch: number, height: 1, beginning: [UInt8](repeating: 1, count: 16))),
        .refusal(Refusal(.promised, promised: number, height: number)),
        .with { $0.heartbeat.clock = number },
      ]
    }
  }
}

extension Cluster {
  fileprivate func identity(_ name: String) throws -> NodeIdentity {
    try NodeIdentity.checked(name: name, rules: try BlockRules(genesis: genesis), key: keys[name]!)
  }

  fileprivate func hostileFollower(_ name: String) throws -> HostileFollower {
    HostileFollower(identity: try identity(name), target: { try await self.host("node1") })
  }

  fileprivate func hostileAuthority(of name: String) throws -> HostileAuthority {
    HostileAuthority(key: keys["node1"]!, chain: genesis.hash.bytes, target: { try await self.host(name) })
  }

  /// What a follower would say that has everything `name` has.
  fileprivate func standing(of name: String) throws -> (Position, [BlockID]) {
    guard let position = try host(name).core.position else { throw TestFailure("\(name) has not started") }
    return (position, ChainStore(try ledger(name)).locator)
  }

  fileprivate func promised(_ name: String) throws -> UInt64 { try ledger(name).promise?.epoch ?? 0 }

  /// Everything is started again, as it is on disk: another epoch, and an entry on every node.
  fileprivate func expectToGoOn(after epoch: UInt64) async throws {
    await stopAll()
    try start()
    let place = try await submit(Cluster.account())
    try await waitUntilAcknowledged(place.block.height)
    #expect(place.block.epoch > epoch)
    for name in names { #expect(try ledger(name).acknowledged >= place.block.height) }
  }
}
