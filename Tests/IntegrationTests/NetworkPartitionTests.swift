import Foundation
import GoudCore
import TestSupport
import Testing

/// A follower in a network namespace of its own, whose cable is pulled.
@Suite(.serialized) struct NetworkPartitionTests {
  @Test func aFollowerThatIsCutOffServesWhatItHasAndCatchesUpWhenItIsBack() async throws {
    try await NetworkFixture.with { network in
      try await network.underLoad(seconds: 1)
      _ = try await network.goud("network", "stop")
      try await Cable.with { cable in
        let nodes = try await Apart.start(network, cable)
        defer { for node in nodes { node.end() } }
        let inside = ["\(nodes[0].url)", "\(nodes[1].url)"]
        for url in inside + [nodes[2].url] { try await waitFor(#""status":"healthy""#, at: url, cable) }
        try await submit(10, at: inside[0])

        try await cable.pull()
        try await submit(10, at: inside[0])
        let before = try await height(nodes[2].url, cable)
        let ahead = try await height(inside[0])
        #expect(ahead > before)
        try await waitFor(#""status":"degraded""#, at: nodes[2].url, cable)
        // It refuses what it cannot hand on, and says why; what it has it shows.
        let answer = try await cable.curl("-X", "POST", "\(nodes[2].url)/account/create")
        #expect(answer.contains("node.no-majority"), "\(answer)")

        try await cable.plug()
        let deadline = ContinuousClock.now + .seconds(120)
        while try await height(nodes[2].url, cable) < ahead {
          guard ContinuousClock.now < deadline else { throw TestFailure("it does not catch up") }
          try await Task.sleep(for: .milliseconds(200))
        }
        let blocks = try await [cable.curl("\(nodes[2].url)/chain?limit=50"), curl("\(inside[1])/chain?limit=50")]
          .map { text in
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
          }.map { $0?["blocks"] as? [[String: Any]] ?? [] }
        let hashes = blocks.map { $0.compactMap { $0["hash"] as? String } }
        let common = hashes.map(\.count).min() ?? 0
        #expect(common > 20 && hashes[0].prefix(common) == hashes[1].prefix(common))
      }
    }
  }

  /// Waits for a node's health to contain `text`.
  private func waitFor(_ text: String, at url: String, _ cable: Cable) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try await !cable.curl("\(url)/health").contains(text) {
      guard ContinuousClock.now < deadline else { throw TestFailure("\(url) does not say \(text)") }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func submit(_ count: Int, at url: String) async throws {
    for _ in 0..<count {
      let answer = try await curl("-X", "POST", "\(url)/account/create")
      #expect(answer.contains("api_key"), "\(answer)")
    }
  }

  private func height(_ url: String, _ cable: Cable? = nil) async throws -> Int {
    let text =
      if let cable { try await cable.curl("\(url)/health") } else { try await curl("\(url)/health") }
    let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    return json?["latest_block"] as? Int ?? -1
  }

  private func curl(_ arguments: String...) async throws -> String {
    try await Programs.run("curl", ["-sS", "-m", "20"] + arguments).output
  }
}

/// Two ends of a virtual cable: one here, one in a namespace.
private struct Cable: Sendable {
  let name: String
  var here: String { "10.213.7.1" }
  var there: String { "10.213.7.2" }

  static func with(_ body: (Cable) async throws -> Void) async throws {
    let cable = Cable(name: "goud\(getpid() % 100_000)")
    try await cable.ip("netns", "add", cable.name)
    do {
      try await cable.ip("link", "add", "\(cable.name)a", "type", "veth", "peer", "name", "\(cable.name)b")
      try await cable.ip("link", "set", "\(cable.name)b", "netns", cable.name)
      try await cable.ip("addr", "add", "\(cable.here)/30", "dev", "\(cable.name)a")
      try await cable.ip("link", "set", "\(cable.name)a", "up")
      try await cable.ip("-n", cable.name, "addr", "add", "\(cable.there)/30", "dev", "\(cable.name)b")
      for device in ["\(cable.name)b", "lo"] { try await cable.ip("-n", cable.name, "link", "set", device, "up") }
      try await body(cable)
      try await cable.remove()
    } catch {
      try? await cable.remove()
      throw error
    }
  }

  private func remove() async throws {
    _ = try await Programs.run("ip", ["link", "del", "\(name)a"])
    try await ip("netns", "del", name)
  }

  func pull() async throws { try await ip("link", "set", "\(name)a", "down") }
  func plug() async throws { try await ip("link", "set", "\(name)a", "up") }

  private func ip(_ arguments: String...) async throws {
    let finished = try await Programs.run("ip", arguments)
    try #require(finished.status == 0, "ip \(arguments): \(finished.errors)")
  }

  /// Asks from within the namespace, where both ends are reached.
  func curl(_ arguments: String...) async throws -> String {
    try await Programs.run("ip", ["netns", "exec", name, "curl", "-sS", "-m", "20"] + arguments).output
  }
}

/// The three nodes of a founded network without their manager: two at this end of the cable, one at the other.
private struct Apart {
  let url: String
  let process: Process

  func end() {
    process.terminate()
    process.waitUntilExit()
  }

  static func start(_ network: NetworkFixture, _ cable: Cable) async throws -> [Apart] {
    let addresses = [cable.here, cable.here, cable.there]
    return try network.nodes.indices.map { index in
      let http = "\(addresses[index]):\(network.ports.http + index)"
      var arguments = [
        Programs.built("goud"), "node", "run", "--name", network.nodes[index], "--data",
        network.volume(network.nodes[index]), "--http", http, "--listen",
        "\(addresses[index]):\(network.ports.peer + index)", "--log-level", "warning",
      ]
      for other in network.nodes.indices where other != index {
        arguments += ["--peer", "\(network.nodes[other])=\(addresses[other]):\(network.ports.peer + other)"]
      }
      if index == 2 { arguments = ["ip", "netns", "exec", cable.name] + arguments }
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = arguments
      process.standardError = FileHandle.nullDevice
      try process.run()
      return Apart(url: "http://\(http)", process: process)
    }
  }
}
