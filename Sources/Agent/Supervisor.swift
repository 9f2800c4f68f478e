import Foundation
import GoudCore
import Logging
import Runtime

/// Keeps the nodes of a network running, each by a `NodeKeeper` of its own: whatever one of them has to wait for, the
/// others go on, and what is known of all can be read at any time.
///
/// Nodes are processes of their own: they go on when the manager ends, and the next one takes them over.
final class Supervisor: Sendable {
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
  /// How long a status waits for the newest; then it tells what is known.
  static let lookTime = Duration.milliseconds(500)
  /// How long a node gets to be gone, before whoever asked for it is told that it is not.
  static let longestStop = Duration.seconds(50)

  private let launcher: any NodeLauncher
  private let keepers: [NodeKeeper]
  /// Where what the nodes share is asked for.
  private let shared = BlockingQueue("supervisor")

  init(_ launcher: any NodeLauncher, names: [String], log: Logger) {
    self.launcher = launcher
    keepers = names.map { NodeKeeper($0, launcher, log: log) }
  }

  /// Looks after the nodes until its task is cancelled; they go on then.
  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for keeper in keepers { group.addTask { try await keeper.run() } }
      try await group.waitForAll()
    }
  }

  private func keeper(_ name: String) throws -> NodeKeeper {
    guard let keeper = keepers.first(where: { $0.name == name }) else {
      throw GoudError(
        .nodeUnknown, "there is no node \(name)", hint: "the nodes are \(keepers.map(\.name).joined(separator: ", "))")
    }
    return keeper
  }

  // MARK: - What it is asked

  /// - Parameter wanted: whether it is to run from now on, also after the manager's next start.
  /// - Throws: `node.unknown`; `network.busy` when that could not be noted in time: what runs nodes does not answer.
  func set(_ name: String, wanted: Bool) async throws {
    let keeper = try keeper(name)
    let outcome = await within(Self.longestStop) {
      do {
        try await keeper.set(wanted: wanted)
        return (any Error)?.none
      } catch {
        return error
      }
    }
    guard let outcome else { throw busy(name) }
    if let error = outcome { throw error }
  }

  /// Has a node end, and start again as soon as its process is gone; returns at once.
  /// - Throws: `node.unknown`.
  func restart(_ name: String) throws {
    let keeper = try keeper(name)
    Task { await keeper.renew() }
  }

  /// Stops a node, and returns when its process is gone.
  /// - Throws: `network.busy` when it is not gone after `longestStop`; it is still to be stopped then.
  func stop(_ name: String) async throws {
    try await set(name, wanted: false)
    try await gone([try keeper(name)])
  }

  /// Stops all of them for this run: the next manager starts them again.
  func stopAll() async throws {
    try await shared.run { [launcher] in try launcher.check() }
    for keeper in keepers { Task { await keeper.end() } }
    try await gone(keepers)
    for keeper in keepers { try await keeper.remove() }
    try await shared.run { [launcher] in try launcher.removeShared() }
  }

  private func gone(_ keepers: [NodeKeeper]) async throws {
    let deadline = ContinuousClock.now + Self.longestStop
    while let left = keepers.first(where: { $0.shown.process != nil || $0.shown.wanted }) {
      guard ContinuousClock.now < deadline else { throw busy(left.name) }
      try await Task.sleep(for: Self.interval)
    }
  }

  private func busy(_ name: String) -> GoudError {
    GoudError(
      .networkBusy, "\(name) was asked to stop or start, and is not there yet",
      hint: "see goud network status; where a container engine runs the nodes, see whether it answers",
      context: ["node": name])
  }

  /// The nodes that run, by name.
  var processes: [(String, ProcessID)] {
    keepers.compactMap { keeper in keeper.shown.process.map { (keeper.name, $0) } }
  }

  /// What is known of the nodes, and how old that is.
  func status(_ plan: NetworkPlan) async -> [NetworkStatus.Node] {
    if launcher.isSharedWithOperator {
      await within(Self.lookTime) { [keepers] in
        await withTaskGroup(of: Void.self) { group in
          for keeper in keepers { group.addTask { await keeper.lookAgain() } }
        }
      }
    }
    return plan.nodes.map { planned in
      let shown = keepers.first { $0.name == planned.name }?.shown
      let state: NetworkStatus.Node.State =
        shown?.process != nil
        ? (shown?.wanted == true ? .running : .stopping) : shown?.wanted == true ? .waiting : .stopped
      return NetworkStatus.Node(
        name: planned.name, state: state, pid: shown?.process?.pid, container: shown?.container?.id,
        since: shown?.container?.started ?? shown?.since, restarts: shown?.restarts ?? 0, lastExit: shown?.lastExit,
        retryAt: shown?.retryAt, age: shown.map { ($0.age / .seconds(1)).rounded() },
        url: plan.clients(planned).url(), volume: planned.volume)
    }
  }
}
