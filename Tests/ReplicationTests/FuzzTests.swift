import Foundation
import GoudCore
import Testing

@testable import Replication

/// Every number of every message set to its extremes, in the states that networks with faults come to: on a copy of the
/// machine, which is then told what usually comes next, and started again from what it has stored.
///
/// `GOUD_FUZZ_RUNS=n` runs so many seeds, from `GOUD_FUZZ_FROM` on: scripts/fuzz-liars.sh.
@Suite struct FuzzTests {
  @Test func noNumberInAnyStateIsTooMuch() throws {
    let environment = ProcessInfo.processInfo.environment
    let from = environment["GOUD_FUZZ_FROM"].flatMap(UInt64.init) ?? 0
    let runs = environment["GOUD_FUZZ_RUNS"].flatMap(UInt64.init) ?? 25
    var tried = 0
    for seed in from..<from + runs { tried += try probe(seed) }
    #expect(tried > 1000 * Int(runs), "the messages that are tried have become few: \(tried)")
  }

  /// A canary: what finds nothing proves nothing.
  @Test func withoutTheBoundsANumberIsTooMuch() {
    #expect(throws: Violation.self) {
      for seed in 0..<10 as Range<UInt64> { _ = try probe(seed, rules: Rules.all.subtracting(.reach)) }
    }
  }

  private func probe(_ seed: UInt64, rules: Rules = .all) throws -> Int {
    let world = World(profile: .drawn(from: seed), rules: rules, seed: seed)
    var tried = 0
    for node in world.disks.indices { try world.boot(node) }
    for step in 0..<150 {
      try world.step()
      guard step % 30 == 29 else { continue }
      for wire in world.wires where wire.authorityOpen && wire.authority.alive {
        tried += try Probe(wire.authority, wire, rules).toAuthority()
      }
      for wire in world.wires where wire.followerOpen && wire.follower.alive {
        tried += try Probe(wire.follower, wire, rules).toFollower()
      }
    }
    return tried
  }
}

/// What one node makes of messages that differ from a true one by one number.
private struct Probe {
  let node: Process
  let wire: Wire
  let rules: Rules

  init(_ node: Process, _ wire: Wire, _ rules: Rules) {
    self.node = node
    self.wire = wire
    self.rules = rules
  }

  func toAuthority() throws -> Int {
    guard case .authority(let machine) = node.machine else { return 0 }
    var tried = 0
    for template in followersMessages(machine.epoch) {
      for value in values {
        for message in template.altered(to: value) where isLetThrough(message.implausibility) {
          var copy = machine
          let to = if case .introduction = message { Connection(.max) } else { wire.connection }
          var actions = copy.handle(.received(message, from: to), chain: node.disk)
          actions += copy.handle(.stored(node.disk.head), chain: node.disk)
          actions += copy.handle(.disconnected(to), chain: node.disk)
          let state = try check(actions, "\(message)")
          var again = AuthorityMachine(network: machine.network, rules: rules)
          let opened = again.handle(.started(state, nonce: [1]), chain: node.disk)
          try expect(opened.contains { if case .persistPromise = $0 { true } else { false } }, "\(message)", "no epoch")
          tried += 1
        }
      }
    }
    return tried
  }

  func toFollower() throws -> Int {
    guard case .follower(let machine) = node.machine else { return 0 }
    var tried = 0
    for template in authoritysMessages(machine) {
      for value in values {
        for message in template.altered(to: value) where isLetThrough(message.implausibility) {
          if case .append(let append) = message, append.blocks != append.blocks.filter(wire.authority.disk.holds) {
            continue
          }
          var copy = machine
          var actions = copy.handle(.received(message, from: wire.connection), chain: node.disk)
          actions += copy.handle(.stored(node.disk.head), chain: node.disk)
          let state = try check(actions, "\(message)")
          var again = FollowerMachine(node: machine.node, rules: rules)
          _ = again.handle(.started(state), chain: node.disk)
          _ = again.handle(.connected(Connection(.max)), chain: node.disk)
          tried += 1
        }
      }
    }
    return tried
  }

  private var values: [UInt64] {
    let known = node.disk.promise.number
    return Extremes.all + [known, known + 1, known + (1 << 20), known + (1 << 20) + 1, node.disk.head.height + 1]
  }

  private func isLetThrough(_ implausibility: String?) -> Bool {
    implausibility == nil || !rules.contains(.reach)
  }

  private func followersMessages(_ epoch: Epoch) -> [FollowerMessage] {
    let disk = wire.follower.disk
    let position = Position(
      head: disk.head, acknowledged: disk.acknowledged, standing: disk.record.standing,
      beginning: disk.record.beginning, promised: disk.promise.number)
    let promises = (1...2).map { round in
      FollowerMessage.promise(Promise(epoch: epoch, round: round, position: position, locator: disk.locator))
    }
    return promises + [
      .introduction(Introduction(node: wire.follower.name, position: position, locator: disk.locator)),
      .stored(Stored(epoch: epoch.number, head: disk.head, standing: .member)),
    ] + Refusal.Code.allCases.map { .refusal(Refusal($0, promised: epoch.number, height: disk.head.height)) }
  }

  private func authoritysMessages(_ machine: FollowerMachine) -> [AuthorityMessage] {
    let disk = wire.authority.disk
    let demands: [OpenEpoch.Demand] = [.none, .rejoin, .join(beginning: [7])]
    let opens = demands.map { demand in
      AuthorityMessage.openEpoch(
        OpenEpoch(
          epoch: Epoch(number: machine.promise.number + 1, nonce: [3]), reign: machine.record.presentReign, round: 2,
          standing: .member, beginning: machine.record.beginning, demand: demand))
    }
    let epoch = machine.promise.number
    let common = disk.common(with: node.disk.locator) ?? disk.blocks[0]
    let next = Array(disk.blocks.dropFirst(Int(common.height) + 1).prefix(3))
    return opens + [
      .append(Append(epoch: epoch, previous: common, blocks: [], acknowledged: disk.acknowledged)),
      .append(Append(epoch: epoch, previous: common, blocks: next, acknowledged: disk.acknowledged)),
      .acknowledged(Acknowledged(epoch: epoch, height: disk.acknowledged)),
      .admission(Admission(epoch: epoch, height: disk.head.height, beginning: disk.record.beginning)),
      .refusal(Refusal(.otherBeginning, promised: epoch, height: 1)),
    ]
  }

  /// What is stored afterwards.
  private func check(_ actions: [Action], _ message: String) throws -> DurableState {
    let disk = node.disk
    var state = disk.state
    var head = disk.head.height
    for action in actions {
      switch action {
      case .persistPromise(let epoch):
        let known = max(state.promise.number, state.standing.reign.number, disk.head.epoch)
        let limit = EpochReach.standard.limit(above: known) + 1
        try expect(epoch.number <= limit, message, "stores epoch \(epoch.number), and knew \(known)")
        state.promise = epoch
      case .persistStanding(let record, _):
        try expect(record.reign.number <= Bounds.epoch, message, "stores reign \(record.reign.number)")
        state.standing = record
      case .append(let blocks):
        try expect(blocks.first?.height == head + 1, message, "appends \(blocks) to \(head)")
        head += UInt64(blocks.count)
      case .truncate(let height):
        try expect(height >= disk.acknowledged && height < head, message, "truncates to \(height)")
        head = height
      case .acknowledge(let height):
        try expect(height <= head, message, "acknowledges \(height) of \(head)")
        state.acknowledged = height
      case .fetch(let fetch):
        try expect(fetch.through > fetch.after.height, message, "fetches \(fetch)")
      default: break
      }
    }
    return state
  }

  private func expect(_ condition: Bool, _ message: String, _ what: @autoclosure () -> String) throws {
    if !condition { throw Violation(description: "\(node.name), told \(message): \(what())") }
  }
}

extension Disk {
  fileprivate func holds(_ block: BlockID) -> Bool { self.block(at: block.height) == block }
}
