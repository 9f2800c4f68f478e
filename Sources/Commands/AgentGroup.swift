import Agent
import ArgumentParser
import GoudCore
import Layout
import Logging
import Runtime
import Volumes

/// `goud agent`: the resident manager. `goud network start` starts it; a service manager may do so itself.
struct AgentGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent", abstract: "Run the manager of an environment's network (goud network start does).",
    subcommands: [AgentRun.self])
}

struct AgentRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Supervise the nodes in the foreground until asked to stop.",
    discussion: "The nodes are processes of their own: they go on when the manager ends by a signal, and the next one "
      + "takes them over. goud network stop ends both.")

  @OptionGroup var scope: EnvironmentOptions
  @Flag(help: "Let nodes be root, if NODE_USER says so.") var allowRoot = false
  @Option(help: ArgumentHelp("Write the log there, and open it anew on SIGHUP.", valueName: "file")) var logFile:
    String?
  @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel = "info"

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let level = try Logger.Level.parse(logLevel)
    try ProcessPrivacy.keep()
    try NetworkHome(configuration).create()
    if let logFile { try ProcessLog.follow(logFile) }
    let log = ProcessLog.start("manager", level: level)
    let manager = try Manager(
      home: NetworkHome(configuration), plan: NetworkPlan(configuration), program: Detached.program(),
      user: NodeUser.Choice(configuration.nodeUser, allowRoot: allowRoot), watch: watch(configuration), log: log)
    let environment = ProcessEnvironment.manager([:], usesStore: configuration.backupContinuous)
    SecretVariables.wipe()
    // Unowned here: its lock has to be free for what this process becomes.
    let renewed = try Awaiting.result { [manager] in try await manager.run() }
    if renewed { try Detached.become(try Detached.program(), CommandLine.arguments, environment) }
  }

  /// What follows the volumes, where `BACKUP_CONTINUOUS` says so. Its settings are in the environment that it shares.
  private func watch(_ configuration: GoudConfiguration) throws -> VolumeWatch? {
    guard configuration.backupContinuous else { return nil }
    return VolumeWatch(
      program: try Detached.program(),
      arguments: ["backup", "watch", "--env", configuration.environment],
      output: NetworkHome(configuration).log("watch"))
  }
}
