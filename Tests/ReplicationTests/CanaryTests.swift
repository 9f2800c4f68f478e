import GoudCore
import Testing

@testable import Replication

/// Without any one of the rules, the simulation finds what the rule is there for: a test that fails says that it no
/// longer reaches the case, or that the rule is not needed.
@Suite struct CanaryTests {
  @Test(arguments: Canary.all) func withoutTheRuleAnAcknowledgedBlockIsLost(_ canary: Canary) {
    let found = canary.firstSeed()
    #expect(found != nil, "no violation in \(canary.runs) runs from seed \(canary.from) on: \(canary.name)")
  }

  /// The same schedules with every rule in force.
  @Test(arguments: Canary.all) func withTheRuleTheSameRunsLoseNothing(_ canary: Canary) throws {
    for seed in canary.from..<canary.from + 50 { _ = try canary.world(seed, rules: .all, spoiled: false).run() }
  }
}

struct Canary: Sendable, CustomTestStringConvertible {
  var name: String
  var missing: Rules
  /// nil: drawn from the seed.
  var storm: Profile?
  /// Where the search begins: near a seed that is known to show it, since some cases are rare.
  var from: UInt64 = 0
  var runs: UInt64 = 10_000
  /// Restores do not settle which epochs are taken.
  var collides = false
  var testDescription: String { name }

  static let all = [
    Canary(name: "on one disk only", missing: .majority),
    Canary(name: "counted before it is synced", missing: .synced),
    Canary(name: "blocks of an earlier epoch counted", missing: .currentEpoch, storm: .crashes, from: 2700),
    Canary(name: "promises to an earlier epoch", missing: .promises, storm: .lostAuthority, from: 29_160),
    Canary(name: "promises not confirmed", missing: .confirmation, storm: .replaced),
    Canary(name: "produced before every acknowledged block is back", missing: .catchUp),
    Canary(name: "a lost or restored disk counted", missing: .rejoining),
    Canary(name: "counted again without a block acknowledged since", missing: .admission, from: 97_590),
    Canary(name: "a replaced volume of the authority obeyed", missing: .reigns, storm: .replaced),
    Canary(name: "members of another beginning counted", missing: .beginnings, from: 9150),
    Canary(name: "acknowledged blocks given up", missing: .keeping, from: 300),
    Canary(name: "numbers of others believed", missing: .reach, storm: .liar(0, authority: false)),
    Canary(name: "numbers of the authority believed", missing: .reach, storm: .liar(0, authority: true)),
    Canary(name: "a disk that went back in time counted", missing: .progress, storm: .putBack),
    Canary(name: "of two nodes, the one with an old disk leads alone", missing: .pair, storm: .putBackWithProgress),
    // A follower's block would tell the authority otherwise that it has forgotten an epoch.
    Canary(
      name: "a restore that leaves epochs to collide", missing: .witnesses, storm: .restores, from: 31_000,
      collides: true),
  ]

  func world(_ seed: UInt64, rules: Rules, spoiled: Bool) -> World {
    var profile = storm ?? .drawn(from: seed)
    if spoiled, collides { profile.restoreSettlesEpochs = false }
    return World(profile: profile, rules: rules, seed: seed)
  }

  /// Of a run that loses something; one that only stands still does not count.
  func firstSeed() -> UInt64? {
    (from..<from + runs).first { seed in
      do {
        _ = try world(seed, rules: Rules.all.subtracting(missing), spoiled: true).run()
        return false
      } catch {
        return (error as? Violation)?.isStandstill == false
      }
    }
  }
}

extension Profile {
  /// Three nodes whose authority syncs late and often crashes before it did; nodes are cut off one at a time.
  static let crashes: Profile = {
    var profile = Profile(nodes: 3, steps: 400, submit: 40)
    (profile.crash, profile.restart, profile.crashInside) = (40, 200, 10)
    (profile.cutOff, profile.heal, profile.loss, profile.copy, profile.restore) = (40, 20, 0, 0, 0)
    profile.slow = [900, 0, 0]
    return profile
  }()

  /// Five nodes; the authority's volume is lost again and again.
  static let lostAuthority: Profile = {
    var profile = Profile(nodes: 5, steps: 500)
    (profile.crash, profile.restart) = (5, 200)
    (profile.cutOff, profile.heal, profile.copy, profile.restore) = (20, 10, 0, 0)
    (profile.loss, profile.authorityLoss, profile.zombies, profile.reckless) = (12, 800, 0, 0)
    return profile
  }()

  /// Three nodes, copied all the time and put back together often; no volume is lost otherwise.
  static let restores: Profile = {
    var profile = Profile(nodes: 3, steps: 400)
    (profile.restore, profile.copy, profile.loss, profile.zombies) = (15, 80, 0, 0)
    (profile.crash, profile.restart) = (20, 150)
    return profile
  }()

  /// Disks of three nodes go back to snapshots of them, again and again.
  static let putBack: Profile = {
    var profile = Profile(nodes: 3, steps: 400)
    (profile.loss, profile.copy, profile.restore, profile.zombies) = (0, 0, 0, 0)
    (profile.snapshot, profile.putBack) = (30, 20)
    return profile
  }()

  /// The disk of two nodes' authority goes back, and what is known of it with it. Everything is on the follower's.
  static let putBackWithProgress: Profile = {
    var profile = Profile(nodes: 2, steps: 400, putBackProgress: true)
    (profile.loss, profile.copy, profile.restore, profile.zombies) = (0, 0, 0, 0)
    (profile.snapshot, profile.putBack) = (30, 20)
    return profile
  }()

  /// Volumes are lost, and those of the authority often run on.
  static let replaced: Profile = {
    var profile = Profile(nodes: 3, steps: 300)
    (profile.copy, profile.restore, profile.zombies) = (0, 0, 800)
    (profile.loss, profile.authorityLoss, profile.restart, profile.crash) = (20, 300, 150, 15)
    return profile
  }()
}
