import Agent
import ArgumentParser
import Backup
import Foundation
import GoudCore
import Layout
import Runtime
import Subprocess
import Volumes

/// `goud network install`
struct NetworkInstall: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Have systemd start the network with the machine, as a user of its own.",
    discussion: """
      The user owns $GOUD_HOME/<environment> from the service's first start on. It runs this program: it, its \
      configuration, and every directory on the way to them must be root's alone. Settings that stand in the environment \
      of this command, and in no file, are written into the unit. Nodes that are containers are left to their engine; \
      their manager is root, with the powers to give volumes away.
      """)

  @Flag(help: "A hardened service.") var systemd = false
  @Option(help: ArgumentHelp("Who runs the network; goud is made when it is missing.", valueName: "name"))
  var user = ManagerUnit.standardUser
  @Flag(help: "Show the files, and write none.") var print = false
  @Option(help: ArgumentHelp("Write below another root directory.", valueName: "path")) var root = ""
  @OptionGroup var scope: EnvironmentOptions

  func validate() throws {
    guard systemd else { throw ValidationError("pass --systemd") }
    guard user.wholeMatch(of: /[a-z_][a-z0-9_-]{0,30}/) != nil, user != "root" else {
      throw ValidationError("--user is the name of a user who is not root")
    }
  }

  func run() throws {
    let context = try NetworkContext(scope)
    let unit = try ManagerUnit(context, user: user)
    try ScheduledProgram(unit.program, context.configuration.directory).refuseReplaceable(warning: print)
    if print { return Output.write(unit.files.shown) }
    let place = ScheduleFiles(root: root)
    for file in unit.files where file.path == ManagerUnit.sysusers {
      try FileManager.default.createDirectory(
        atPath: root + FileSystem.parent(of: file.path), withIntermediateDirectories: true)
    }
    try place.put(unit.files)
    if unit.user == ManagerUnit.standardUser { try makeUser() }
    try place.tell([["daemon-reload"], ["enable", "--now", unit.name]])
  }

  /// - Throws: `io.failed` when systemd-sysusers cannot make the user.
  private func makeUser() throws {
    guard root.isEmpty else { return Output.note("there, make the user: systemd-sysusers \(ManagerUnit.sysusers)") }
    let made = try Awaiting.result {
      try await Subprocess.run(
        .name("systemd-sysusers"), arguments: [ManagerUnit.sysusers], output: .discarded, error: .string(limit: 4096))
    }
    guard made.terminationStatus.isSuccess else {
      throw GoudError(
        .ioFailed, "the user \(ManagerUnit.standardUser) could not be made: \(made.standardError)",
        hint: "make one (useradd --system NAME), and name it: --user NAME")
    }
  }
}

/// `goud network uninstall`
struct NetworkUninstall: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "uninstall", abstract: "Stop the network's service and take its unit away; the network stays on disk.")

  @Option(help: ArgumentHelp("Look below another root directory.", valueName: "path")) var root = ""
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let unit = try ManagerUnit(try NetworkContext(scope), user: ManagerUnit.standardUser)
    guard try FileSystem.status(root + unit.path) != nil else {
      throw GoudError(
        .scheduleNotFound, "\(root)\(unit.path) is not there", hint: "goud network install --systemd writes it")
    }
    let place = ScheduleFiles(root: root)
    try place.tell([["disable", "--now", unit.name]])
    try FileManager.default.removeItem(atPath: root + unit.path)
    Output.note("removed \(root)\(unit.path)")
    try place.tell([["daemon-reload"]])
  }
}

extension ManagerUnit {
  /// - Parameter user: who runs nodes that are processes.
  init(_ context: NetworkContext, user: String) throws {
    let configuration = context.configuration
    var variables = ["GOUD_HOME": configuration.home]
    variables["GOUD_CONFIG_DIR"] = configuration.directory?.path
    for value in configuration.values where value.key != .environment {
      if case .file = value.origin { continue }
      if case .fallback = value.origin { continue }
      variables[value.key.rawValue] = value.text
    }
    if configuration.runtime == .docker {
      variables["DOCKER_HOST"] = ProcessInfo.processInfo.environment["DOCKER_HOST"]
    }
    let plan = context.plan
    self.init(
      environment: plan.environment, program: try Detached.program(), variables: variables, home: configuration.home,
      place: configuration.environmentHome, log: context.home.log("manager"), user: plan.docker == nil ? user : nil,
      lowestPort: ([plan.managerPort] + plan.nodes.flatMap { [$0.httpPort, $0.peerPort] }).min() ?? 0)
  }
}
