import Foundation
import GoudCore
import Logging
import Runtime

/// Keeps the nodes of a network running: starts them, takes over those that run already, starts those again that end by
/// themselves, and stops those that it is asked to stop.
///
/// Nodes are processes of their own: they go on when the manager ends, and the next one takes them over.
///
/// On a thread of its own: a launcher may have to wait, for a container engine for one, and what else the manager serves
/// goes on meanwhile.
actor Supervisor {
  private nonisolated let executor = ThreadExecutor(name: "supervisor")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// How often it looks.
  static let interval = Duration.milliseconds(100)
  /// What a node gets to close its ledger after SIGTERM, before SIGKILL.
  static let stopTime = Duration.seconds(20)
  /// Between the end of a node and its next start: doubling, unless it ran for `steady`.
  static let firstWait = Duration.seconds(1)
  static let longestWait = Duration.seconds(30)
  static let steady = Duration.seconds(10)
  /// How often it looks for nodes that others have started.
  static let lookInterval = Duration.seconds(1)

  private let launcher: any NodeLauncher
  private let log: Logger
  private var nodes: [String: Kept] = [:]
  private let names: [String]

  private struct Kept {
    var wanted: Bool
    var process: ProcessID?
    var since: Date?
    var started: ContinuousClock.Instant?
    /// When to lose patience with a node that was told to stop.
    var patience: ContinuousClock.Instant?
    var killed = false
    /// The network is being stopped for good.
    var ending = false
    var wait = Supervisor.firstWait
    /// When to see whether somebody else has started it.
    var look = ContinuousClock.now
    var retry: ContinuousClock.Instant?
    var retryAt: Date?
    var restarts = 0
    var lastExit: String?
  }

  init(_ launcher: any NodeLauncher, names: [String], log: Logger) {
    self.launcher = launcher
    self.names = names
    self.log = log
    for name in names { nodes[name] = Kept(wanted: !launcher.isStopped(name), process: launcher.running(name)) }
    for name in names { nodes[name]!.since = nodes[name]!.process == nil ? nil : Date() }
  }

  /// Looks after the nodes until its task is cancelled; they go on then.
  func run() async throws {
    while true {
      for name in names { look(after: name) }
      try await Task.sleep(for: Self.interval)
    }
  }

  private func look(after name: String) {
    guard var node = nodes[name] else { return }
    defer { nodes[name] = node }
    let now = ContinuousClock.now
    if let process = node.process {
      guard process.isRunning else { return ended(name, &node, process, now) }
      if !node.wanted { stop(name, &node, process, now) }
    } else if let process = startedByHand(name, &node, now) {
      log.notice("\(name) runs: somebody else has started it", metadata: ["pid": "\(process.pid)"])
    } else if node.wanted, node.retry.map({ $0 <= now }) ?? true {
      start(name, &node, now)
    } else if !node.wanted {
      (node.retry, node.retryAt) = (nil, nil)
    }
  }

  private func startedByHand(
    _ name: String, _ node: inout Kept, _ now: ContinuousClock.Instant
  ) -> ProcessID? {
    guard launcher.isSharedWithOperator, !node.ending, now >= node.look else { return nil }
    node.look = now + Self.lookInterval
    guard let process = launcher.running(name) else { return nil }
    (node.process, node.started, node.since, node.wanted) = (process, now, Date(), true)
    (node.patience, node.killed, node.retry, node.retryAt) = (nil, false, nil, nil)
    try? launcher.remember(name, stopped: false)
    return process
  }

  private func start(_ name: String, _ node: inout Kept, _ now: ContinuousClock.Instant) {
    (node.retry, node.retryAt) = (nil, nil)
    do {
      let process = try launcher.start(name)
      (node.process, node.started, node.since) = (process, now, Date())
      (node.patience, node.killed) = (nil, false)
      log.notice("started \(name)", metadata: ["pid": "\(process.pid)"])
    } catch {
      log.error("could not start \(name)", metadata: ["why": "\(error)"])
      node.lastExit = (error as? GoudError)?.message ?? "\(error)"
      again(&node, now)
    }
  }

  private func stop(_ name: String, _ node: inout Kept, _ process: ProcessID, _ now: ContinuousClock.Instant) {
    guard let patience = node.patience else {
      node.patience = now + Self.stopTime
      return tell(name, process, kill: false)
    }
    guard now > patience, !node.killed else { return }
    log.error("\(name) does not stop; it is killed", metadata: ["pid": "\(process.pid)"])
    node.killed = true
    tell(name, process, kill: true)
  }

  private func tell(_ name: String, _ process: ProcessID, kill: Bool) {
    do {
      try launcher.stop(name, process, kill: kill)
    } catch {
      log.error("could not stop \(name)", metadata: ["why": "\(error)"])
    }
  }

  private func ended(_ name: String, _ node: inout Kept, _ process: ProcessID, _ now: ContinuousClock.Instant) {
    node.lastExit = launcher.ended(name, process)
    (node.process, node.since, node.patience) = (nil, nil, nil)
    guard node.wanted else { return log.notice("\(name) has stopped") }
    if launcher.stoppedByHand(name, process) {
      node.wanted = false
      try? launcher.remember(name, stopped: true)
      return log.notice("\(name) has been stopped by somebody else")
    }
    log.error("\(name) has ended", metadata: ["how": "\(node.lastExit ?? "unknown")"])
    if let started = node.started, now - started >= Self.steady { node.wait = Self.firstWait }
    node.restarts += 1
    again(&node, now)
  }

  private func again(_ node: inout Kept, _ now: ContinuousClock.Instant) {
    node.retry = now + node.wait
    node.retryAt = Date().addingTimeInterval(Double(node.wait.components.seconds))
    node.wait = min(node.wait * 2, Self.longestWait)
  }

  // MARK: - What it is asked

  /// - Parameter wanted: whether it is to run from now on, also after the manager's next start.
  /// - Throws: `node.unknown`.
  func set(_ name: String, wanted: Bool) throws {
    guard nodes[name] != nil else {
      throw GoudError(
        .nodeUnknown, "there is no node \(name)", hint: "the nodes are \(names.joined(separator: ", "))")
    }
    try launcher.remember(name, stopped: !wanted)
    nodes[name]!.wanted = wanted
    (nodes[name]!.retry, nodes[name]!.retryAt, nodes[name]!.wait) = (nil, nil, Self.firstWait)
  }

  /// Stops a node, and returns when its process is gone.
  func stop(_ name: String) async throws {
    try set(name, wanted: false)
    while nodes[name]?.process != nil { try await Task.sleep(for: Self.interval) }
  }

  /// Stops all of them for this run: the next manager starts them again.
  func stopAll() async throws {
    try launcher.check()
    for name in names { (nodes[name]!.wanted, nodes[name]!.ending) = (false, true) }
    while names.contains(where: { nodes[$0]?.process != nil }) { try await Task.sleep(for: Self.interval) }
    for name in names { try launcher.remove(name) }
    try launcher.removeShared()
  }

  /// The nodes that run, by name.
  var processes: [(String, ProcessID)] { names.compactMap { name in nodes[name]?.process.map { (name, $0) } } }

  func status(_ plan: NetworkPlan) -> [NetworkStatus.Node] {
    for name in names where launcher.isSharedWithOperator {
      nodes[name]!.look = .now
      look(after: name)
    }
    return plan.nodes.map { planned in
      let container = launcher.container(planned.name)
      let kept = nodes[planned.name]
      let state: NetworkStatus.Node.State =
        kept?.process != nil
        ? (kept?.wanted == true ? .running : .stopping) : kept?.wanted == true ? .waiting : .stopped
      return NetworkStatus.Node(
        name: planned.name, state: state, pid: kept?.process?.pid, container: container?.id,
        since: container?.started ?? kept?.since, restarts: kept?.restarts ?? 0,
        lastExit: kept?.lastExit, retryAt: kept?.retryAt, url: plan.clients(planned).url(), volume: planned.volume)
    }
  }
}
