import ArgumentParser
import GoudCore
import Layout
import Runtime
import Volumes

/// `goud network found`
struct NetworkFound: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "found", abstract: "Make what a network begins with, and start nothing.",
    discussion: "The genesis, the nodes' keys and their volumes; what is there already stays as it is.")

  @Option(help: "What will run the nodes: process or docker. Default: RUNTIME, else what it was the last time.")
  var runtime: String?
  @Flag(help: "Let nodes be root, if NODE_USER says so.") var allowRoot = false
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let flags = runtime.map { scope.flags.merging([.runtime: $0]) { $1 } } ?? scope.flags
    let context = try NetworkContext(try GoudConfiguration.load(flags: flags), allowRoot: allowRoot)
    let network = try NetworkStarter(context).found()
    try context.launcher().handOver()
    Output.write("\(context.plan.environment): chain \(network.chain.prefix(12)), \(context.plan.nodes.count) volumes")
  }
}

/// `goud network compose`
struct NetworkCompose: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compose", abstract: "Print a compose file for the network's containers.",
    discussion: """
      What is started from it is managed like what goud network start makes. Needs goud network found --runtime docker \
      before, and GOUD_HOME in the environment of docker-compose.
      """)

  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags.merging([.runtime: "docker"]) { $1 })
    let file = try ComposeFile(try NetworkPlan(configuration), home: NetworkHome(configuration))
    Output.write(String(try file.text().dropLast()))
  }
}
