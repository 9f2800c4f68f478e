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
      NetworkCompose.self, NetworkRestart.self, NetworkInstall.self, NetworkUninstall.self,
    ])
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
        try await BlockingQueue("stop").run { try Orphans(context).stop(node) }
      }
    }
  }
}

/// Nodes that go on after their manager has been killed.
struct Orphans {
  let context: NetworkContext

  init(_ context: NetworkContext) { self.context = context }

  /// - Parameter only: a node; nil: all.
  func stop(_ only: String?) throws {
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
        usleep(50_000)
      }
      _ = launcher.ended(node, process)
      if only == nil { try launcher.remove(node) }
      Output.note("stopped \(node)")
    }
    if only == nil { try launcher.removeShared() }
  }
}
