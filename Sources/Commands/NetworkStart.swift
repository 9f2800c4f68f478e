import Agent
import ArgumentParser
import Foundation
import GoudCore
import Layout
import Logging
import Node
import Runtime
import Volumes

struct NetworkStart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start the network's nodes and their manager; found the network the first time.",
    discussion: "Returns when every node is healthy, or says which is not. Nodes that run already are left alone.")

  @Argument(help: "A node that was stopped; none: all of them.") var node: String?
  @Option(help: ArgumentHelp("How long to wait for the nodes to be healthy.", valueName: "seconds")) var wait = 60
  @Option(help: "What runs the nodes: process or docker. Default: RUNTIME, else what it was the last time.")
  var runtime: String?
  @Flag(help: "Let nodes be root, if NODE_USER says so.") var allowRoot = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    guard wait >= 0 else { throw GoudError(.usage, "--wait is not negative") }
    let flags = runtime.map { scope.flags.merging([.runtime: $0]) { $1 } } ?? scope.flags
    let context = try NetworkContext(try GoudConfiguration.load(flags: flags), allowRoot: allowRoot)
    if let node { _ = try context.plan.node(node) }
    let start = NetworkStarter(context)
    if let manager = context.client.manager {
      try start.join(manager, node: node)
    } else {
      try start.begin()
    }
    let status = try start.waitUntilHealthy(seconds: wait)
    NetworkStatusText.write(status, output.format)
    guard status.condition == .healthy else {
      throw GoudError(
        .networkStartFailed, "not every node was healthy after \(wait) s",
        hint: "see goud network status, and the logs in \(context.home.logs)")
    }
  }
}

struct NetworkStarter {
  let context: NetworkContext

  init(_ context: NetworkContext) { self.context = context }

  /// The manager runs: what was stopped is started again.
  /// - Throws: `network.running` when it was started with other settings.
  func join(_ manager: LockHolder, node: String?) throws {
    let status = try Awaiting.result { try await context.client.status() }
    guard status.plan == context.plan else {
      throw GoudError(
        .networkRunning, "a network runs already in \(context.home.path), with other settings (\(manager))",
        hint: "stop it first: goud network stop", context: ["pid": "\(manager.pid)"])
    }
    for one in status.nodes where one.state == .stopped && (node ?? one.name) == one.name {
      _ = try Awaiting.result { try await context.client.start(one.name) }
    }
  }

  /// Founds the network when it is new, and starts the manager.
  /// - Throws: what founding throws; `node.port-in-use`; `network.start-failed` when the manager ends at once.
  func begin() throws {
    _ = try found()
    try checkPorts()
    // Whoever stopped one has asked for all of them since.
    for node in context.plan.nodes { try context.launcher().remember(node.name, stopped: false) }
    let log = context.home.log("manager")
    let arguments =
      ["agent", "run", "--env", context.plan.environment, "--log-file", log]
      + (context.allowRoot ? ["--allow-root"] : [])
    let process = try Detached.start(
      try Detached.program(), arguments, log: log,
      environment: .manager(place, usesStore: context.configuration.backupContinuous))
    while context.client.manager == nil || !answers {
      guard process.isRunning else {
        _ = Detached.reap(process)
        throw GoudError(
          .networkStartFailed, "the manager ended at once: \(LogTail(log).last ?? "it said nothing")",
          hint: "see \(log)", context: ["path": log])
      }
      try Signals.cancellation.check()
      usleep(20_000)
    }
  }

  func found() throws -> FoundedNetwork {
    try checkRuntime()
    if let tls = context.plan.tls {
      _ = try ClientTLS(.init(certificate: tls.certificate, key: tls.key), log: Logger(label: "tls"))
    }
    let network = try Founding(home: context.home, plan: context.plan).prepare()
    try context.plan.prepare(context.home)
    try context.configuration.runtime.remember(in: context.home.path)
    for note in network.notes { Output.note("note: \(note)") }
    return network
  }

  /// The manager has another working directory: what was found from this one is named absolutely.
  private var place: [String: String] {
    var place = ["GOUD_HOME": context.configuration.home, "RUNTIME": context.configuration.runtime.rawValue]
    place["GOUD_CONFIG_DIR"] = context.configuration.directory?.path
    guard context.configuration.backupContinuous else { return place }
    place["REPOSITORY"] = context.configuration.repository
    place["BACKUP_DIR"] = context.configuration.backupDirectory
    let here = FileManager.default.currentDirectoryPath
    for name in ["GOUD_PASSWORD_FILE", "RESTIC_PASSWORD_FILE"] {
      place[name] = ProcessInfo.processInfo.environment[name]?.absolute(from: here)
    }
    return place
  }

  /// Before anything is founded: the engine answers and has the image; the volumes are not another runtime's.
  private func checkRuntime() throws {
    try context.launcher().prepare()
    guard context.plan.docker == nil else { return }
    for node in context.plan.nodes {
      guard (try? FileManager.default.destinationOfSymbolicLink(atPath: node.volume)) != nil else { continue }
      throw GoudError(
        .networkDiffers, "\(node.volume) is a Docker volume: the network's nodes have been containers so far",
        hint: "start it with --runtime docker", context: ["path": node.volume])
    }
  }

  private var answers: Bool { (try? Awaiting.result { try await context.client.status() }) != nil }

  /// Every port that a node is to have must be free, unless the node runs already.
  private func checkPorts() throws {
    let plan = context.plan
    try free(plan.manager)
    for node in plan.nodes {
      let lock = "\(node.volume)/\(VolumeName.database)/LOCK"
      guard LockHolder.find(kind: "POSIX", path: lock) == nil else { continue }
      try free(plan.clients(node))
      // Containers serve their peers where nobody else is.
      if plan.docker == nil { try free(plan.peers(node)) }
    }
  }

  private func free(_ door: NetworkPlan.Door) throws {
    _ = try ListeningSocket(HostPort(host: door.address, port: door.port))
  }

  /// - Returns: the status when all are healthy, or when the time is over.
  func waitUntilHealthy(seconds: Int) throws -> NetworkStatus {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var told: Set<String> = []
    while true {
      let status = try Awaiting.result { try await context.client.status() }
      if status.condition == .healthy || ContinuousClock.now >= deadline { return status }
      for node in status.nodes where node.state == .waiting {
        let text =
          "\(node.name): ended (\(node.lastExit ?? "unknown")): \(LogTail(context.home.log(node.name)).last ?? "")"
        if told.insert(text).inserted { Output.note(text) }
      }
      try Signals.cancellation.check()
      usleep(100_000)
    }
  }
}
