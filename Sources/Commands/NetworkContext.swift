import Agent
import Backup
import GoudCore
import Layout
import Runtime
import Volumes

/// What the verbs of `goud network` need of the configuration.
struct NetworkContext: Sendable {
  let configuration: GoudConfiguration
  let home: NetworkHome
  let plan: NetworkPlan
  let client: ManagerClient
  /// Whether root's nodes may be root.
  let allowRoot: Bool

  init(_ scope: EnvironmentOptions) throws { try self.init(try GoudConfiguration.load(flags: scope.flags)) }

  init(_ configuration: GoudConfiguration, allowRoot: Bool = false) throws {
    self.allowRoot = allowRoot
    self.configuration = configuration
    home = NetworkHome(configuration)
    plan = try NetworkPlan(configuration)
    client = ManagerClient(home)
  }

  func launcher() throws -> any NodeLauncher {
    let user = NodeUser.Choice(configuration.nodeUser, allowRoot: allowRoot)
    return try Launchers.make(home: home, plan: plan, program: try Detached.program(), user: user)
  }

  /// How things stand; also when nothing runs.
  func status() async throws -> NetworkStatus {
    do {
      return try await client.status()
    } catch let error as GoudError where error.code == .networkNotRunning {
      let nodes = try await withoutManager()
      return NetworkStatus(
        plan: plan, chain: nil, managerPid: nil, nodes: nodes,
        watch: .init(try WatchStatus.read(home: configuration.environmentHome)))
    }
  }
}

extension NetworkContext {
  /// Containers go on without a manager.
  private func withoutManager() async throws -> [NetworkStatus.Node] {
    let launcher = plan.docker == nil ? nil : try launcher()
    // Whoever runs the containers may take its time.
    let seen = try await BlockingQueue("engine").run { [plan] in
      try launcher?.check()
      return plan.nodes.map { (launcher?.running($0.name), launcher?.container($0.name)) }
    }
    var nodes: [NetworkStatus.Node] = []
    for (node, (process, container)) in zip(plan.nodes, seen) {
      let url = plan.clients(node).url()
      nodes.append(
        NetworkStatus.Node(
          name: node.name, state: process == nil ? .stopped : .running, pid: process?.pid, container: container?.id,
          since: container?.started, url: url, volume: node.volume,
          health: process == nil ? nil : await NodeClient().health("\(url)/health")))
    }
    return nodes
  }
}
