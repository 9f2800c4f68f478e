import Foundation
import GoudCore
import Logging
import Runtime
import Synchronization

/// Keeps one node running: starts it, takes it over when it runs already, starts it again when it ends by itself, stops
/// it when asked to.
///
/// On a thread of its own: its launcher may have to wait for a container engine, for a minute, and neither the other
/// nodes nor the manager's page wait with it. What it knows (`shown`) is there to be read meanwhile.
actor NodeKeeper {
  private nonisolated let executor: ThreadExecutor
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  nonisolated let name: String
  private let launcher: any NodeLauncher
  private let log: Logger
  private var kept: Kept
  private nonisolated let known: Mutex<Shown>
  /// A look that somebody waits for.
  private nonisolated let asked = Mutex<Task<Void, Never>?>(nil)

  /// What is known of the node, and since when nothing newer is.
  struct Shown: Sendable {
    var wanted: Bool
    var process: ProcessID?
    var since: Date?
    var container: NodeContainer?
    var restarts = 0
    var lastExit: String?
    var retryAt: Date?
    var looked = ContinuousClock.now

    /// How old this is.
    var age: Duration { ContinuousClock.now - looked }
  }

  private struct Kept {
    var shown: Shown
    var started: ContinuousClock.Instant?
    /// When to lose patience with a node that was told to stop.
    var patience: ContinuousClock.Instant?
    var killed = false
    /// It was asked to end and start again.
    var renewing = false
    /// The network is being stopped for good.
    var ending = false
    var wait = Supervisor.firstWait
    /// When to see whether somebody else has started it.
    var look = ContinuousClock.now
    var retry: ContinuousClock.Instant?
  }

  init(_ name: String, _ launcher: any NodeLauncher, log: Logger) {
    self.name = name
    self.launcher = launcher
    self.log = log
    executor = ThreadExecutor(name: "keeps \(name)")
    var shown = Shown(wanted: !launcher.isStopped(name))
    shown.process = launcher.running(name)
    shown.since = shown.process == nil ? nil : Date()
    shown.container = shown.process == nil ? nil : launcher.container(name)
    kept = Kept(shown: shown)
    known = Mutex(shown)
  }

  /// What is known now; waits for nothing.
  nonisolated var shown: Shown { known.withLock { $0 } }

  /// Looks after the node until its task is cancelled; it goes on then.
  func run() async throws {
    while true {
      look()
      try await Task.sleep(for: Supervisor.interval)
    }
  }

  /// Looks now, also for what others have done; several who ask meanwhile wait for one look.
  nonisolated func lookAgain() async {
    let task = asked.withLock { task in
      if let task { return task }
      let begun = Task {
        await self.lookNow()
        self.asked.withLock { $0 = nil }
      }
      task = begun
      return begun
    }
    await task.value
  }

  private func lookNow() {
    kept.look = .now
    look()
  }

  private func look() {
    let now = ContinuousClock.now
    if let process = kept.shown.process {
      if !process.isRunning {
        ended(process, now)
      } else if !kept.shown.wanted || kept.renewing {
        stop(process, now)
      }
    } else if let process = startedByHand(now) {
      log.notice("\(name) runs: somebody else has started it", metadata: ["pid": "\(process.pid)"])
    } else if kept.shown.wanted, kept.retry.map({ $0 <= now }) ?? true {
      start(now)
    } else if !kept.shown.wanted {
      (kept.retry, kept.shown.retryAt) = (nil, nil)
    }
    show()
  }

  private func show() {
    kept.shown.looked = .now
    known.withLock { $0 = kept.shown }
  }

  private func startedByHand(_ now: ContinuousClock.Instant) -> ProcessID? {
    guard launcher.isSharedWithOperator, !kept.ending, now >= kept.look else { return nil }
    kept.look = now + Supervisor.lookInterval
    guard let process = launcher.running(name) else { return nil }
    (kept.patience, kept.killed) = (nil, false)
    runs(process)
    kept.shown.wanted = true
    try? launcher.remember(name, stopped: false)
    return process
  }

  private func runs(_ process: ProcessID) {
    (kept.shown.process, kept.started, kept.shown.since) = (process, .now, Date())
    (kept.retry, kept.shown.retryAt) = (nil, nil)
    kept.shown.container = launcher.container(name)
  }

  private func start(_ now: ContinuousClock.Instant) {
    (kept.retry, kept.shown.retryAt) = (nil, nil)
    do {
      let process = try launcher.start(name)
      (kept.patience, kept.killed) = (nil, false)
      runs(process)
      log.notice("started \(name)", metadata: ["pid": "\(process.pid)"])
    } catch {
      log.error("could not start \(name)", metadata: ["why": "\(error)"])
      kept.shown.lastExit = (error as? GoudError)?.message ?? "\(error)"
      again()
    }
  }

  private func stop(_ process: ProcessID, _ now: ContinuousClock.Instant) {
    guard let patience = kept.patience else {
      kept.patience = now + Supervisor.stopTime
      return tell(process, kill: false)
    }
    guard now > patience, !kept.killed else { return }
    log.error("\(name) does not stop; it is killed", metadata: ["pid": "\(process.pid)"])
    kept.killed = true
    tell(process, kill: true)
  }

  private func tell(_ process: ProcessID, kill: Bool) {
    do {
      try launcher.stop(name, process, kill: kill)
    } catch {
      log.error("could not stop \(name)", metadata: ["why": "\(error)"])
      // Whoever has to be asked for it did not do it: once more, after a while.
      kept.patience = kill ? kept.patience : nil
      kept.killed = false
    }
  }

  private func ended(_ process: ProcessID, _ now: ContinuousClock.Instant) {
    (kept.shown.process, kept.shown.since, kept.shown.container, kept.patience) = (nil, nil, nil, nil)
    // Known at once; how it ended, whoever runs it may take long to tell.
    known.withLock { $0 = kept.shown }
    kept.shown.lastExit = launcher.ended(name, process)
    let renewing = kept.renewing
    kept.renewing = false
    guard kept.shown.wanted else { return log.notice("\(name) has stopped") }
    if renewing { return log.notice("\(name) has ended, to start again") }
    if launcher.stoppedByHand(name, process) {
      kept.shown.wanted = false
      try? launcher.remember(name, stopped: true)
      return log.notice("\(name) has been stopped by somebody else")
    }
    log.error("\(name) has ended", metadata: ["how": "\(kept.shown.lastExit ?? "unknown")"])
    if let started = kept.started, now - started >= Supervisor.steady { kept.wait = Supervisor.firstWait }
    kept.shown.restarts += 1
    again()
  }

  private func again() {
    kept.retry = .now + kept.wait
    kept.shown.retryAt = Date().addingTimeInterval(Double(kept.wait.components.seconds))
    kept.wait = min(kept.wait * 2, Supervisor.longestWait)
  }

  // MARK: - What it is asked

  /// - Parameter wanted: whether it is to run from now on, also after the manager's next start.
  func set(wanted: Bool) throws {
    try launcher.remember(name, stopped: !wanted)
    kept.shown.wanted = wanted
    (kept.retry, kept.shown.retryAt, kept.wait) = (nil, nil, Supervisor.firstWait)
    known.withLock { $0 = kept.shown }
  }

  /// Ends it, and starts it again.
  func renew() {
    kept.renewing = kept.shown.process != nil
    kept.patience = nil
  }

  /// Stops it for this run: the next manager starts it again.
  func end() {
    (kept.shown.wanted, kept.ending) = (false, true)
    known.withLock { $0 = kept.shown }
  }

  /// Removes what is left of it.
  func remove() throws { try launcher.remove(name) }
}
