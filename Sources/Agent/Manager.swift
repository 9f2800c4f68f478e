import Backup
import Foundation
import GoudCore
import Hummingbird
public import Layout
public import Logging
public import Runtime
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The resident manager of one environment: supervises the nodes, knows how they are, serves that to people and to
/// Prometheus (`MANAGER_PORT`), and does what `goud network` asks for (`run/manager.sock`).
public struct Manager: Sendable {
  let home: NetworkHome
  let plan: NetworkPlan
  let network: FoundedNetwork
  let supervisor: Supervisor
  /// Tells this manager from the one before it, whose process it may have.
  let instance = UUID().uuidString
  /// Whether it was asked to become the program that is installed now.
  let renewed = Flag()
  let client = NodeClient()
  let backups: LastKnown<BackupRecord?>
  let watch: LastKnown<WatchStatus?>
  private let follower: VolumeWatch?
  let log: Logger
  private let lock: DirectoryLock

  /// - Parameters:
  ///   - program: the `goud` that nodes are started with.
  ///   - user: whom nodes run as that are processes.
  ///   - watch: what follows the volumes; nil: nothing does.
  /// - Throws: `network.running` when this home has a manager already; what `Founding.prepare` throws.
  public init(
    home: NetworkHome, plan: NetworkPlan, program: String, user: NodeUser.Choice, watch follower: VolumeWatch? = nil,
    log: Logger
  ) throws {
    network = try Founding(home: home, plan: plan).prepare()
    do {
      lock = try DirectoryLock(home.run)
    } catch let error as GoudError where error.code == .volumeLocked {
      throw GoudError(
        .networkRunning, "a manager runs already for \(home.path)", hint: "goud network status shows it",
        context: error.context)
    }
    self.home = home
    self.plan = plan
    self.follower = follower
    backups = LastKnown("backup record", within: .seconds(1), nil) { BackupRecord.read(home: home.path) }
    watch = LastKnown("watch", within: .seconds(1), nil) { (try? WatchStatus.read(home: home.path)) ?? nil }
    self.log = log
    for note in network.notes { log.warning("\(note)") }
    supervisor = Supervisor(
      try Launchers.make(home: home, plan: plan, program: program, user: user), names: plan.nodes.map(\.name), log: log)
  }

  /// Runs until SIGTERM or SIGINT, or until it is asked to stop the network, or to be renewed. Only a stop of the network
  /// ends the nodes.
  /// - Returns: whether it was asked to be renewed: the process is to become the program that is installed now.
  public func run() async throws -> Bool {
    let socket = try ControlSocket(home)
    try? FileManager.default.removeItem(atPath: socket.path)
    let end = StopSignal()
    let control = Application(
      router: controlRouter(end), configuration: .init(address: .unixDomainSocket(path: socket.path)), logger: quiet)
    let page = Application(
      router: pageRouter(), server: .http1(configuration: .init(additionalChannelHandlers: [TargetHost.Placement()])),
      configuration: .init(address: .hostname(plan.manager.address, port: plan.manager.port)),
      onServerRunning: { [log, plan] _ in log.notice("serves \(plan.manager)") }, logger: quiet)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: Loop { try await supervisor.run() }), .init(service: Loop { try await watchLogs() }),
          .init(service: Loop { try await follow() }),
          .init(service: page), .init(service: control),
          .init(service: Loop { await end.wait() }, successTerminationBehavior: .gracefullyShutdownGroup),
        ], gracefulShutdownSignals: [.sigterm, .sigint], logger: log))
    try await group.run()
    withExtendedLifetime((socket, lock)) {}
    return renewed.isRaised
  }

  /// Hummingbird's own log, without a line for each start.
  private var quiet: Logger {
    var logger = log
    logger.logLevel = .warning
    return logger
  }

  /// Asks every node that runs how it is; also one of which nothing newer is known, since it may run again.
  func status() async -> NetworkStatus {
    var nodes = await supervisor.status(plan)
    await withTaskGroup(of: (Int, NodeHealth?).self) { group in
      for (index, node) in nodes.enumerated() where node.pid != nil || node.age ?? 0 > 1 {
        group.addTask { (index, await client.health("\(node.url)/health")) }
      }
      for await (index, health) in group { nodes[index].health = health }
    }
    return NetworkStatus(
      plan: plan, chain: network.chain, managerPid: getpid(), instance: instance, nodes: nodes,
      watch: .init(await watch()))
  }

  private func follow() async throws {
    guard let follower else {
      while true { try await Task.sleep(for: .seconds(86400)) }
    }
    try await follower.run(log)
  }

  private func watchLogs() async throws {
    let rotation = LogRotation(home: home, log: log)
    let disk = BlockingQueue("logs")
    while true {
      let writers = [("manager", ProcessID.current)] + supervisor.processes
      try await disk.run { for (name, process) in writers { rotation.rotate(name, writer: process) } }
      try await Task.sleep(for: LogRotation.interval)
    }
  }
}

/// Something that goes on until the group shuts down.
private struct Loop: Service {
  let body: @Sendable () async throws -> Void

  init(_ body: @escaping @Sendable () async throws -> Void) { self.body = body }

  func run() async throws {
    do {
      try await cancelWhenGracefulShutdown(body)
    } catch is CancellationError {}
  }
}

/// Raised once; tells whether it was.
final class Flag: Sendable {
  private let raised = Atomic(false)
  var isRaised: Bool { raised.load(ordering: .acquiring) }
  func raise() { raised.store(true, ordering: .releasing) }
}

/// Raised once.
actor StopSignal {
  private var raised = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func raise() {
    raised = true
    for one in waiting { one.resume() }
    waiting = []
  }

  /// Returns when it is raised, or the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { if raised || Task.isCancelled { $0.resume() } else { waiting.append($0) } }
    } onCancel: {
      Task { await self.raise() }
    }
  }
}
