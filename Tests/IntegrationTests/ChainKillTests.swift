import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

/// SIGKILL after every step of a whole network's restore: its disks must never claim more than they hold.
@Suite(.serialized) struct ChainKillTests {
  private let nodes = ["node1", "node2", "node3"]

  /// What a node would find: the head and the standing.
  private struct Seen: Hashable {
    let height: UInt64
    let standing: VolumeStanding
  }

  private func look(_ volumes: String) throws -> [Seen] {
    try nodes.map { node in
      let volume = "\(volumes)/\(node)_data"
      let facts = try #require(try ChainFacts.read(directory: "\(volume)/rocksdb"))
      return Seen(height: facts.height, standing: try VolumeStanding.read(in: volume))
    }
  }

  /// The backup's heads differ, so that levelling and cutting are among the steps.
  @Test func aNetworkIsTheOldOneOrBeginsAnew() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      for (index, node) in nodes.enumerated() { try network.make(node, Array(network.chain[...(index + 1)])) }
      let archive = try await fixture.backUp()
      let old = try look(fixture.volumes)
      let pristine = "\(fixture.root)/pristine"
      try await copy(fixture.volumes, to: pristine)
      let arguments = ["restore", archive, "--yes", "--height", "3"]
      let log = "\(fixture.root)/steps"
      #expect(try await fixture.goud(arguments, environment: ["GOUD_KILL_LOG": log]).status == 0)
      let steps = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
      try #require(steps.count >= 15 && steps.contains("standing.written"), "\(steps)")
      for step in 1...steps.count {
        try await copy(pristine, to: fixture.volumes)
        let killed = try await fixture.goud(arguments, environment: ["GOUD_KILL_AT": "\(step)"])
        #expect(killed.status == 137, "\(steps[step - 1])")
        let settled = try await fixture.goud("restore", "--settle")
        #expect(settled.status == 0, "\(steps[step - 1]): \(settled)")
        let seen = try look(fixture.volumes)
        let anew =
          Set(seen).count == 1 && seen[0].height == 3 && seen[0].standing.standing == .member
          && !old.contains { $0.standing.beginning == seen[0].standing.beginning }
        #expect(seen == old || anew, "\(step) \(steps[step - 1]): \(seen)")
      }
    }
  }

  private func copy(_ source: String, to target: String) async throws {
    let script = "rm -rf \"$2\" && cp -a \"$1\" \"$2\""
    #expect(try await Programs.run("sh", ["-c", script, "copy", source, target]).status == 0)
  }
}
