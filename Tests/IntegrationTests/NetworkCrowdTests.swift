import Foundation
import GoudCore
import TestSupport
import Testing

/// Crowds of clients at a real node: what they take together stays within bounds, and whoever comes new is served.
@Suite(.serialized) struct NetworkCrowdTests {
  private struct Phase: Decodable {
    let phase: String
    let grown: Double
    let slowest: Double
    let refused: Int
    let example: String
  }

  /// - Parameter seconds: how long a new client may wait at most.
  private func phases(
    _ network: NetworkFixture, _ names: [String], within seconds: Double = 8
  ) async throws -> [Phase] {
    let pid = try #require(try await network.status().node("node1").pid)
    let finished = try await Programs.run(
      "timeout",
      ["180", "python3", Checkout.path("Tests/IntegrationTests/crowd.py"), network.urls[0], "\(pid)"] + names)
    try #require(finished.status == 0, "\(finished.output) \(finished.errors)")
    let phases = try finished.output.split(separator: "\n").map {
      try JSONDecoder().decode(Phase.self, from: Data($0.utf8))
    }
    for phase in phases {
      #expect(phase.slowest < seconds && phase.refused == 0, "\(phase)")
      print(phase)
    }
    return phases
  }

  @Test func listsAndPagesCostWhatTheyShow() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      for phase in try await phases(network, ["fill", "lists", "pages", "unread_pages"]) {
        #expect(phase.grown < 160, "\(phase)")
      }
    }
  }

  @Test func whoReadsNothingKeepsNobodyOutAndDelaysNoStop() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      // Tests run a build without optimisation, in which a thousand answers take a second.
      for crowd in ["unread_health", "ten_thousand"] {
        for phase in try await phases(network, [crowd], within: 10) { #expect(phase.grown < 256, "\(phase)") }
      }
      // Connections that stay while the node is told to stop.
      let pid = try #require(try await network.status().node("node1").pid)
      try await Programs.running(
        "python3",
        [Checkout.path("Tests/IntegrationTests/crowd.py"), network.urls[0], "\(pid)", "unread_health", "hold"]
      ) { _ in
        try await Task.sleep(for: .seconds(6))
        let begin = ContinuousClock.now
        let stopped = try await network.goud("network", "stop", "node1")
        #expect(stopped.status == 0 && ContinuousClock.now - begin < .seconds(20), "\(stopped.errors)")
      }
    }
  }
}
