import Agent
import ArgumentParser
import GoudCore
import Runtime
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

struct NetworkGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network", abstract: "Run an environment's nodes on this machine.",
    subcommands: [NetworkStart.self, NetworkStop.self, NetworkStatusVerb.self, NetworkLogs.self])
}

/// What the verbs of `goud network` need of the configuration.
struct NetworkContext: Sendable {
  let configuration: GoudConfiguration
  let home: NetworkHome
  let plan: NetworkPlan
  let client: ManagerClient

  init(_ scope: EnvironmentOptions) throws { try self.init(try GoudConfiguration.load(flags: scope.flags)) }

  init(_ configuration: GoudConfiguration) throws {
    self.configuration = configuration
    home = NetworkHome(configuration)
    plan = try NetworkPlan(configuration)
    client = ManagerClient(home)
  }

  /// How things stand; also when nothing runs.
  func status() async throws -> NetworkStatus {
    do {
      return try await client.status()
    } catch let error as GoudError where error.code == .networkNotRunning {
      let nodes = plan.nodes.map {
        NetworkStatus.Node(name: $0.name, state: .stopped, url: plan.url($0.httpPort, ""), volume: $0.volume)
      }
      return NetworkStatus(plan: plan, chain: nil, managerPid: nil, nodes: nodes)
    }
  }
}

struct NetworkStatusVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show every node: state, role, chain length, head, peers, lag.",
    discussion: "Exit status 0 also when the network is stopped or degraded: `status` in the JSON says so.")

  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let context = try NetworkContext(scope)
    NetworkStatusText.write(try Awaiting.result { try await context.status() }, output.format)
  }
}

/// A network's status for people.
enum NetworkStatusText {
  static func write(_ status: NetworkStatus, _ format: OutputFormat) {
    switch format {
    case .json: Output.write((try? Output.json(status)) ?? "{}")
    case .table: Output.write(text(status))
    }
  }

  private static func text(_ status: NetworkStatus) -> String {
    let manager = status.managerPid.map { "manager \(status.plan.url(status.plan.managerPort, "")) (process \($0))" }
    let chain = status.chain.map { "chain \($0.prefix(12))" }
    let facts = [chain, manager ?? "no manager runs"].compactMap { $0 }.joined(separator: ", ")
    let table = Output.table(
      ["NODE", "STATE", "ROLE", "LENGTH", "HEAD", "PEERS", "LAG", "URL"], status.nodes.map(row))
    let notes = status.nodes.compactMap(note)
    return (["\(status.plan.environment): \(status.condition.rawValue); \(facts)", table] + notes)
      .joined(separator: "\n")
  }

  private static func row(_ node: NetworkStatus.Node) -> [String] {
    let health = node.health
    let head = health?.head.map { "\($0.height) \($0.hash.prefix(8))" }
    return [
      node.name, health?.status ?? (node.state == .running ? "no answer" : node.state.rawValue), health?.role ?? "-",
      health.map { "\($0.chainLength)" } ?? "-", head ?? "-", health.map { "\($0.peerCount)" } ?? "-",
      node.lag.map { "\($0)" } ?? "-", node.url,
    ]
  }

  /// Why a node is not healthy.
  static func note(_ node: NetworkStatus.Node) -> String? {
    if let health = node.health {
      let risk = health.atRisk && health.role == "authority" ? "acknowledges without a majority: see WRITE_ACKS" : nil
      return [health.reason, risk].compactMap { $0 }.first.map { "\(node.name): \($0)" }
    }
    return node.state == .waiting ? "\(node.name): ended (\(node.lastExit ?? "unknown")), is started again" : nil
  }
}

struct NetworkStop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop the network, or one node, and only what goud started.")

  @Argument(help: "A node; none: all of them, and the manager.") var node: String?
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let context = try NetworkContext(scope)
    if let node { _ = try context.plan.node(node) }
    try Awaiting.result { [node] in
      do {
        if let node {
          try await context.client.stop(node)
        } else {
          try await context.client.stop()
        }
      } catch let error as GoudError where error.code == .networkNotRunning {
        try await Orphans(context).stop(node)
      }
    }
  }
}

/// Nodes that go on after their manager has been killed.
struct Orphans {
  let context: NetworkContext

  init(_ context: NetworkContext) { self.context = context }

  /// - Parameter only: a node; nil: all.
  func stop(_ only: String?) async throws {
    let launcher = ProcessLauncher(
      home: context.home, plan: context.plan,
      founding: Founding(
        home: context.home, environment: context.plan.environment, nodes: context.plan.nodes.map(\.name)),
      program: try Detached.program())
    for node in context.plan.nodes.map(\.name) where only == nil || only == node {
      guard let process = launcher.running(node) else { continue }
      process.signal(SIGTERM)
      let deadline = ContinuousClock.now + .seconds(20)
      while process.isRunning {
        if ContinuousClock.now > deadline { process.signal(SIGKILL) }
        try await Task.sleep(for: .milliseconds(50))
      }
      _ = launcher.ended(node, process)
      Output.note("stopped \(node)")
    }
  }
}
