import Foundation
import Testing

@testable import Replication

/// `GOUD_SIMULATION_SEED=n` runs one seed and prints what happened; `GOUD_SIMULATION_RUNS=n` runs that many.
@Suite struct SimulationTests {
  /// With every fault, and with disks that go back in time as well.
  @Test(arguments: [false, true]) func noAcknowledgedBlockIsLostAndNodesNeverDisagree(oldDisks: Bool) throws {
    let environment = ProcessInfo.processInfo.environment
    if let seed = environment["GOUD_SIMULATION_SEED"].flatMap(UInt64.init) {
      return try run(seed: seed, oldDisks, trace: true)
    }
    let runs = environment["GOUD_SIMULATION_RUNS"].flatMap(UInt64.init) ?? 1000
    for seed in 0..<runs { try run(seed: seed, oldDisks) }
  }

  /// Ordinary faults, where epochs may rise so little at a time that nodes have to climb.
  @Test func nodesThatAreFarApartComeTogether() throws {
    for seed in seeds(300) { try run(seed: seed, .climbing(seed), trace: isSingle) }
  }

  /// Introductions that came late, from connections that their followers had left, had members rejoin, until there were
  /// too few to lead.
  @Test func networksThatStoodStillOnceGoOn() throws {
    try run(seed: 28_687, false)
    try run(seed: 11_410, .climbing(11_410), trace: false)
    try run(seed: 16_206, .liar(16_206, authority: false), trace: false)
  }

  /// A follower says anything; nothing that is acknowledged is lost, and when it is gone the network goes on.
  @Test func nothingIsLostToAFollowerThatLies() throws {
    for seed in seeds(400) { try run(seed: seed, .liar(seed, authority: false), trace: isSingle) }
  }

  /// The authority says anything. What it signs cannot be told from the truth, but the network goes on without it.
  @Test func networksGoOnAfterAnAuthorityThatLied() throws {
    for seed in seeds(400) { try run(seed: seed, .liar(seed, authority: true), trace: isSingle) }
  }

  private var isSingle: Bool { ProcessInfo.processInfo.environment["GOUD_LIAR_SEED"] != nil }

  /// `GOUD_LIAR_SEED=n` is one of them, with everything that happens; `GOUD_LIAR_RUNS=n` so many.
  private func seeds(_ count: UInt64) -> Range<UInt64> {
    let environment = ProcessInfo.processInfo.environment
    if let seed = environment["GOUD_LIAR_SEED"].flatMap(UInt64.init) { return seed..<seed + 1 }
    let from = environment["GOUD_LIAR_FROM"].flatMap(UInt64.init) ?? 0
    return from..<from + (environment["GOUD_LIAR_RUNS"].flatMap(UInt64.init) ?? count)
  }

  private func run(seed: UInt64, _ oldDisks: Bool, trace: Bool = false) throws {
    try run(seed: seed, .drawn(from: seed, oldDisks: oldDisks), trace: trace)
  }

  private func run(seed: UInt64, _ profile: Profile, trace: Bool) throws {
    let world = World(profile: profile, rules: .all, seed: seed)
    if trace { world.trace = { print($0) } }
    do {
      _ = try world.run()
    } catch {
      Issue.record("seed \(seed), old disks: \(profile.putBack > 0), \(world.profile.nodes) nodes: \(error)")
      throw error
    }
  }
}

extension Profile {
  /// Epochs rise so little at a time that ordinary networks come to the bounds.
  static func climbing(_ seed: UInt64) -> Profile {
    var random = Random(seed: seed ^ 0xc11b)
    var profile = Profile.drawn(from: seed)
    profile.reach = .small(&random)
    return profile
  }

  /// Networks of 1, 2, 3 and 5 nodes, from quiet to wild.
  static func drawn(from seed: UInt64, oldDisks: Bool = false) -> Profile {
    var random = Random(seed: seed ^ 0x5eed)
    var profile = Profile()
    profile.nodes = random.pick([1, 2, 2, 3, 3, 3, 3, 5, 5]) ?? 3
    if profile.nodes == 2, random.chance(400) { profile.acknowledgements = 1 }
    profile.steps = 100 + random.below(400)
    profile.crash = random.below(30)
    profile.crashInside = random.below(8)
    profile.breakOff = random.below(40)
    profile.cutOff = random.below(12)
    profile.loss = random.below(12)
    profile.restore = random.below(6)
    profile.slow = (0..<profile.nodes).map { _ in random.chance(500) ? 0 : random.below(1000) }
    if oldDisks { (profile.snapshot, profile.putBack) = (10 + random.below(40), 1 + random.below(15)) }
    return profile
  }
}
