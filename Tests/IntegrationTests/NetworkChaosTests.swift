import Foundation
import GoudCore
import TestSupport
import Testing

/// A bounded loop of: load, something terrible, recovery, comparison. No acknowledged entry is ever missing, no two nodes
/// ever disagree about an acknowledged block.
///
/// `GOUD_CHAOS_ROUNDS` (default 5) and `GOUD_CHAOS_SEED` (default random, printed) make longer and repeated runs.
@Suite(.serialized) struct NetworkChaosTests {
  private enum Disaster: CaseIterable {
    case killNode, terminateNode, pauseNode, destroyVolume, destroyVolumeUnderNode, killAll, killManager
    case putBackVolume, putBackVolumeUnderNode
  }

  @Test(.timeLimit(.minutes(120))) func whateverHappensNothingIsLost() async throws {
    let variables = ProcessInfo.processInfo.environment
    let rounds = variables["GOUD_CHAOS_ROUNDS"].flatMap { Int($0) } ?? 5
    var random = SeededGenerator(seed: variables["GOUD_CHAOS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...9999))
    print("chaos: seed \(random.seed), \(rounds) rounds")
    try await NetworkFixture.with { network in
      for round in 1...rounds {
        let disaster = Disaster.allCases.randomElement(using: &random)!
        let victim = network.nodes.randomElement(using: &random)!
        let delay = Int.random(in: 300...2500, using: &random)
        print("chaos: round \(round): \(disaster) \(victim) after \(delay) ms")
        try await network.underLoad(seconds: 6) {
          try await Task.sleep(for: .milliseconds(delay))
          try await strike(disaster, victim, network)
          try await network.waitUntil("the network to be healthy after \(disaster)") { $0.condition == "healthy" }
        }
        try await network.nothingIsLost()
      }
    }
  }

  private func strike(_ disaster: Disaster, _ victim: String, _ network: NetworkFixture) async throws {
    let status = try await network.status()
    guard let pid = try status.node(victim).pid else { return }
    switch disaster {
    case .killNode: kill(pid, SIGKILL)
    case .terminateNode: kill(pid, SIGTERM)
    case .pauseNode:
      // Longer than its peers wait for a sign of life.
      kill(pid, SIGSTOP)
      try await Task.sleep(for: .seconds(4))
      kill(pid, SIGCONT)
    case .destroyVolume:
      kill(pid, SIGKILL)
      try FileManager.default.removeItem(atPath: network.volume(victim))
    case .destroyVolumeUnderNode: try FileManager.default.removeItem(atPath: network.volume(victim))
    case .putBackVolume: try await putBack(victim, network, running: false)
    case .putBackVolumeUnderNode: try await putBack(victim, network, running: true)
    case .killAll: for node in status.nodes { node.pid.map { _ = kill($0, SIGKILL) } }
    case .killManager:
      kill(try #require(status.managerPid), SIGKILL)
      try await network.waitUntil("the manager to be gone") { $0.managerPid == nil }
      try await network.start()
    }
    guard disaster == .destroyVolumeUnderNode || disaster == .killNode else { return }
    try await network.waitUntil("\(victim) to be another process") { try $0.node(victim).pid != pid }
  }

  /// A copy of the volume is put back in its place, when it has acknowledged more since.
  private func putBack(_ victim: String, _ network: NetworkFixture, running: Bool) async throws {
    let copy = "\(network.fixture.root)/\(victim)-\(UUID().uuidString)"
    try await network.run("network", "stop", victim)
    try FileManager.default.copyItem(atPath: network.volume(victim), toPath: copy)
    try await network.run("network", "start", victim)
    try await Task.sleep(for: .seconds(1))
    if !running { try await network.run("network", "stop", victim) }
    try FileManager.default.moveItem(atPath: network.volume(victim), toPath: "\(copy)-newer")
    try FileManager.default.moveItem(atPath: copy, toPath: network.volume(victim))
    if !running { try await network.start(victim) }
  }
}

/// The same numbers for the same seed (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
  let seed: UInt64
  private var state: UInt64

  init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
