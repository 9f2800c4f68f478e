import Foundation
import GoudCore
import TestSupport
import Testing

/// A network of real nodes under the real manager, on ports that were free; stopped and removed afterwards.
struct NetworkFixture: Sendable {
  let fixture: Fixture
  /// The manager's port; the nodes' follow.
  let ports: (manager: Int, http: Int, peer: Int)
  let nodes: [String]
  /// Settings beside those that say where it is.
  var further: [String: String] = [:]

  var home: String { "\(fixture.home)/local" }
  var urls: [String] { nodes.indices.map { "http://127.0.0.1:\(ports.http + $0)" } }
  var manager: String { "http://127.0.0.1:\(ports.manager)" }
  func progress(_ node: String) -> String { "\(home)/network/progress/\(node)" }
  func volume(_ node: String) -> String { "\(home)/volumes/\(node)_data" }

  /// The settings that every goud of this network runs with.
  var environment: [String: String] {
    [
      "NODES": nodes.joined(separator: " "), "MANAGER_PORT": "\(ports.manager)", "NODE_HTTP_PORT": "\(ports.http)",
      "NODE_PEER_PORT": "\(ports.peer)",
    ].merging(further) { $1 }
  }

  /// The same with where its home is, for programs that are not run through `goud`.
  var surroundings: [String: String] { fixture.surroundings.merging(environment) { $1 } }

  /// - Parameter started: whether `body` finds it running and healthy.
  static func with<Result: Sendable>(
    nodes count: Int = 3, started: Bool = true, settings: [String: String] = [:],
    _ body: (NetworkFixture) async throws -> Result
  ) async throws -> Result {
    try await Fixture.with { fixture in
      let network = NetworkFixture(
        fixture: fixture, ports: try freePorts(count), nodes: (1...count).map { "node\($0)" }, further: settings)
      do {
        if started { try await network.start() }
        let result = try await body(network)
        try await network.end()
        return result
      } catch {
        try? await network.end()
        throw error
      }
    }
  }

  func goud(_ arguments: String...) async throws -> Finished {
    try await fixture.goud(arguments, environment: environment)
  }

  /// Runs goud, which must succeed.
  func run(_ arguments: String..., location: SourceLocation = #_sourceLocation) async throws {
    let finished = try await fixture.goud(arguments, environment: environment)
    try #require(finished.status == 0, "\(arguments): \(finished.errors)", sourceLocation: location)
  }

  /// Starts a node, and waits for nothing: whether it is healthy is seen later.
  func start(_ node: String) async throws { _ = try await goud("network", "start", node, "--wait", "0") }

  func start() async throws {
    let finished = try await goud("network", "start", "--wait", "240")
    try #require(finished.status == 0, "\(finished.output) \(finished.errors)")
  }

  private func end() async throws {
    _ = try await goud("network", "stop")
    for process in try await processes() { kill(process, SIGKILL) }
  }

  /// Every process that has this home in its command line.
  func processes() async throws -> [pid_t] {
    let found = try await Programs.run("pgrep", ["-f", "--", "--(data|log-file) \(home)/"])
    return found.output.split(separator: "\n").compactMap { pid_t($0) }
  }

  struct Status: Decodable {
    struct Node: Decodable {
      struct Health: Decodable {
        let status: String
        let role: String
        let standing: String
        let chainLength: UInt64
        let reason: String?
      }
      let name: String
      let state: String
      let pid: pid_t?
      let restarts: Int
      let age: Double?
      let lag: UInt64?
      let health: Health?
    }
    let condition: String
    let managerPid: pid_t?
    let instance: String?
    let chain: String?
    let nodes: [Node]

    func node(_ name: String) throws -> Node { try #require(nodes.first { $0.name == name }) }
    var isEven: Bool { condition == "healthy" && nodes.allSatisfy { $0.lag == 0 } }
  }

  func status() async throws -> Status {
    let finished = try await goud("network", "status", "--format", "json")
    try #require(finished.status == 0, "\(finished.errors)")
    return try JSONDecoder().decode(Status.self, from: Data(finished.output.utf8))
  }

  /// Waits, for some minutes at most.
  @discardableResult
  func waitUntil(_ what: String, _ condition: (Status) throws -> Bool) async throws -> Status {
    let deadline = ContinuousClock.now + .seconds(240)
    while true {
      let status = try await status()
      if try condition(status) { return status }
      guard ContinuousClock.now < deadline else { throw TestFailure("waited four minutes for \(what): \(status)") }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  // MARK: - Clients

  struct Load: Decodable {
    let acknowledged: Int
    /// Seconds without an acknowledgement.
    let longestGap: Double
    let refused: Int
    let failed: Int
    let example: String

    enum CodingKeys: String, CodingKey {
      case acknowledged, refused, failed, example
      case longestGap = "longest_gap_s"
    }
  }

  var record: String { "\(fixture.root)/acknowledged" }

  /// Clients that submit for some seconds, at every node, while `body` runs; every acknowledgement is recorded.
  /// - Parameter allowed: an error that clients may be told meanwhile, beside those that ask them to try again.
  @discardableResult
  func underLoad(
    seconds: Int, clients: Int = 8, _ body: @Sendable () async throws -> Void = {}
  ) async throws -> Load {
    let urls = urls.flatMap { ["--url", $0] }
    async let load = Programs.run(
      Programs.built("goud-load"),
      ["run"] + urls + ["--seconds", "\(seconds)", "--clients", "\(clients)", "--record", record])
    try await body()
    let finished = try await load
    try #require(finished.status == 0, "\(finished.errors)")
    let result = try JSONDecoder().decode(Load.self, from: Data(finished.output.utf8))
    #expect(result.failed == 0, "\(result.example)")
    return result
  }

  /// Every acknowledged entry is at every node, and no two nodes differ about a block.
  func nothingIsLost(_ location: SourceLocation = #_sourceLocation) async throws {
    try await waitUntil("the nodes to be even") { $0.isEven }
    let urls = urls.flatMap { ["--url", $0] }
    for verb in [["check"] + urls + ["--record", record], ["compare"] + urls] {
      let finished = try await Programs.run(Programs.built("goud-load"), verb)
      #expect(finished.status == 0, "\(verb[0]): \(finished.output) \(finished.errors)", sourceLocation: location)
    }
  }

  func get(_ url: String) async throws -> (status: Int, body: String) {
    let finished = try await Programs.run("curl", ["-sS", "-m", "20", "-w", "\n%{http_code}", url])
    var lines = finished.output.split(separator: "\n", omittingEmptySubsequences: false)
    let status = lines.popLast().flatMap { Int($0) } ?? 0
    return (status, lines.joined(separator: "\n"))
  }

  /// Three ranges of ports that nobody had a moment ago, below those that the system hands out by itself.
  private static func freePorts(_ count: Int) throws -> (manager: Int, http: Int, peer: Int) {
    for _ in 0..<100 {
      let first = Int.random(in: 10_000...30_000)
      let needed = 2 * count + 1
      if (first..<first + needed).allSatisfy(isFree) { return (first, first + 1, first + 1 + count) }
    }
    throw TestFailure("no free ports")
  }

  private static func isFree(_ port: Int) -> Bool {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
