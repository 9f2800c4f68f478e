import Agent
import ArgumentParser
import GoudCore
import Runtime

/// `goud network restart`
struct NetworkRestart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Have the manager and every node run the program that is installed now.",
    discussion: """
      One node at a time, each healthy again before the next, the authority last: of three nodes and more, entries are \
      acknowledged meanwhile, but for the seconds that the authority takes. A node that does not come up ends it; the \
      others run on. A network that is not healthy is left alone.
      """, aliases: ["upgrade"])

  @Argument(help: "A node; none: the manager, and all of them.") var node: String?
  @Flag(help: "One node at a time: what it does anyway.") var rolling = false
  @Option(help: ArgumentHelp("How long to wait for each of them to be healthy.", valueName: "seconds")) var wait = 120
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    guard wait > 0 else { throw GoudError(.usage, "--wait is more than zero") }
    let context = try NetworkContext(scope)
    if let node { _ = try context.plan.node(node) }
    let restart = RollingRestart(context: context, patience: .seconds(wait))
    let status = try Awaiting.result { [node] in
      if let node { return try await restart.restart([node]) }
      try await restart.renewManager()
      return try await restart.restart(context.plan.nodes.map(\.name).reversed())
    }
    NetworkStatusText.write(status, output.format)
  }
}

/// Restarts nodes one after the other, each only while all of them are healthy.
struct RollingRestart: Sendable {
  let context: NetworkContext
  let patience: Duration
  static let look = Duration.milliseconds(100)
  /// For what a load makes of a node for a moment.
  static let moment = Duration.seconds(10)

  /// The manager's process goes on as the program that is installed now; its nodes notice nothing.
  /// - Throws: `network.not-running`; `network.start-failed` when no manager answers afterwards.
  func renewManager() async throws {
    let before = try await context.client.status()
    try await context.client.renew()
    _ = try await wait(for: "the manager", NetworkStartHint.manager) { $0.instance != before.instance }
    Output.note("the manager runs \(Release.version)")
  }

  /// - Parameter nodes: in this order.
  /// - Returns: the status when all of them are healthy again.
  /// - Throws: `network.not-running`; `network.start-failed` when the network is not healthy before a restart, or a node
  ///   is not after its own: nothing more is restarted then.
  func restart(_ nodes: [String]) async throws -> NetworkStatus {
    var status = try await healthy()
    for name in nodes {
      let before = try status.node(name)
      try await context.client.restart(name)
      status = try await wait(for: name, NetworkStartHint.node(name)) { status in
        guard let now = try? status.node(name), now.pid != nil else { return false }
        return (now.pid != before.pid || now.since != before.since) && status.isEven
      }
      Output.note("restarted \(name)")
    }
    return status
  }

  /// - Throws: `network.start-failed` when it is not healthy now, nor in a moment.
  private func healthy() async throws -> NetworkStatus {
    let deadline = ContinuousClock.now + Self.moment
    while true {
      let status = try await context.client.status()
      if status.isEven { return status }
      guard ContinuousClock.now < deadline else {
        throw GoudError(
          .networkStartFailed, "the network is \(status.condition.rawValue): a restart could stop its writes",
          hint: "see goud network status; goud network stop and start restart it all the same")
      }
      try await Task.sleep(for: Self.look)
    }
  }

  private func wait(
    for what: String, _ hint: String, _ isDone: (NetworkStatus) -> Bool
  ) async throws -> NetworkStatus {
    let deadline = ContinuousClock.now + patience
    while true {
      try Signals.cancellation.check()
      // While the manager becomes another program, nobody answers.
      if let status = try? await context.client.status(), isDone(status) { return status }
      guard ContinuousClock.now < deadline else {
        throw GoudError(
          .networkStartFailed, "\(what) was not healthy \(Int(patience / .seconds(1))) s after its restart", hint: hint)
      }
      try await Task.sleep(for: Self.look)
    }
  }
}

private enum NetworkStartHint {
  static let manager = "see goud network logs manager; goud network start starts another one, and the nodes go on"
  static func node(_ name: String) -> String { "see goud network logs \(name); no other node was restarted after it" }
}

extension NetworkStatus {
  /// Whether every node is healthy, and has what is acknowledged, give or take what is on its way.
  fileprivate var isEven: Bool { condition == .healthy && nodes.allSatisfy { $0.lag ?? .max <= 256 } }

  fileprivate func node(_ name: String) throws -> Node {
    guard let node = nodes.first(where: { $0.name == name }) else {
      throw GoudError(.nodeUnknown, "there is no node \(name)")
    }
    return node
  }
}
