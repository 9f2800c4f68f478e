import Foundation
import GoudCore
import TestSupport
import Testing

/// A container engine that takes calls and does not answer them. Needs root and `docker.io`.
@Suite(.serialized) struct NetworkEngineTests {
  /// How long each of the manager's pages takes, at most.
  private static let time = 3.0

  private func pages(_ network: NetworkFixture) async throws -> [String: String] {
    var pages: [String: String] = [:]
    for path in ["/status", "/health", "/api/metrics", "/api/metrics/prometheus"] {
      let finished = try await Programs.run(
        "curl", ["-sS", "-m", "30", "-w", "\n%{time_total}", "\(network.manager)\(path)"])
      var lines = finished.output.split(separator: "\n", omittingEmptySubsequences: false)
      let seconds = try #require(lines.popLast().flatMap { Double($0) }, "\(finished.errors)")
      #expect(seconds < Self.time, "\(path) took \(seconds) s")
      pages[path] = lines.joined(separator: "\n")
    }
    return pages
  }

  @Test func whateverTheEngineDoesThePagesTellWhatIsKnownAndHowOldItIs() async throws {
    try await DockerEngine.with { engine in
      try await EngineRelay.with(engine) { relay in
        let settings = relay.environment.merging(["RUNTIME": "docker"]) { $1 }
        try await NetworkFixture.with(settings: settings) { network in
          try await network.waitUntil("all to be even") { $0.isEven }
          for fault in [EngineRelay.Fault.silent, .half, .refused] {
            try relay.fail(fault)
            // Long enough for the manager to be in the middle of a call.
            for _ in 0..<3 {
              let pages = try await pages(network)
              #expect(pages["/status"]?.contains(#""name":"node3""#) == true, "\(fault): \(pages)")
              #expect(pages["/health"]?.contains(#""status":"healthy""#) == true, "\(fault): \(pages)")
              #expect(pages["/api/metrics/prometheus"]?.contains("goud_node_up{node=\"node1\"} 1") == true)
            }
            // One of them ends meanwhile. Docker itself starts it again; what the manager knows of it gets older.
            let pid = try #require(try await network.status().node("node2").pid)
            kill(pid, SIGKILL)
            try await network.waitUntil("the manager to know that it does not know") { status in
              try status.node("node2").pid != pid && status.nodes[0].health?.status == "healthy"
            }
            _ = try await pages(network)
            if fault == .silent {
              try await network.waitUntil("what is known to be old") { try $0.node("node2").age ?? 0 > 3 }
              let shown = try await network.goud("network", "status")
              #expect(shown.output.contains("does not answer"), "\(shown.output)")
            }
            #expect(try await network.status().node("node1").age ?? 9 <= 2, "the others are looked after")
            try relay.fail(nil)
            try await network.waitUntil("all to be even again") { $0.isEven }
          }
        }
      }
    }
  }
}
