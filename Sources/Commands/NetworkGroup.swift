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
    subcommands: [
      NetworkStart.self, NetworkStop.self, NetworkStatusVerb.self, NetworkLogs.self, NetworkFound.self,
      NetworkCompose.self,
    ])
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

  func launcher() throws -> any NodeLauncher {
    try Launchers.make(home: home, plan: plan, program: try Detached.program())
  }

  /// How things stand; also when nothing runs.
  func status() async throws -> NetworkStatus {
    do {
      return try await client.status()
    } catch let error as GoudError where error.code == .networkNotRunning {
      let nodes = try await withoutManager()
      return NetworkStatus(plan: plan, chain: nil, managerPid: nil, nodes: nodes)
    }
  }
}

extension NetworkContext {
  /// Containers go on without a manager.
  private func withoutManager() async throws -> [NetworkStatus.Node] {
    let launcher = plan.docker == nil ? nil : try launcher()
    try launcher?.check()
    var nodes: [NetworkStatus.Node] = []
    for node in plan.nodes {
      let url = plan.url(node.httpPort, "")
      let process = launcher?.running(node.name)
      let container = launcher?.container(node.name)
      nodes.append(
        NetworkStatus.Node(
          name: node.name, state: process == nil ? .stopped : .running, pid: process?.pid, container: container?.id,
          since: container?.started, url: url, volume: node.volume,
          health: process == nil ? nil : await NodeClient().health("\(url)/health")))
    }
    return nodes
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
    let launcher = try context.launcher()
    try launcher.check()
    for node in context.plan.nodes.map(\.name) where only == nil || only == node {
      guard let process = launcher.running(node) else {
        if only == nil { try launcher.remove(node) }
        continue
      }
      try launcher.stop(node, process, kill: false)
      let deadline = ContinuousClock.now + .seconds(20)
      while process.isRunning {
        if ContinuousClock.now > deadline { try launcher.stop(node, process, kill: true) }
        try await Task.sleep(for: .milliseconds(50))
      }
      _ = launcher.ended(node, process)
      if only == nil { try launcher.remove(node) }
      Output.note("stopped \(node)")
    }
    if only == nil { try launcher.removeShared() }
  }
}
