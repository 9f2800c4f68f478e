import Foundation
import GoudCore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Agent
@testable import Runtime

/// Real processes (`sleep`), started and ended.
@Suite struct SupervisorTests {
  /// Starts `sleep` for every node; a node whose program ends at once is `hasty`.
  private final class Sleepers: NodeLauncher {
    let root: String
    let hasty: Set<String>
    let started = Mutex<[String: [ProcessID]]>([:])
    let stopped = Mutex<Set<String>>([])
    /// Nodes whose launcher does not answer: a container engine that accepts and says nothing.
    let silent = Mutex<Set<String>>([])
    /// Names of the threads that nodes were started on.
    let threads = Mutex<Set<String>>([])

    init(_ root: String, hasty: Set<String> = []) {
      self.root = root
      self.hasty = hasty
    }

    func running(_ node: String) -> ProcessID? {
      started.withLock { $0[node]?.last }.flatMap { $0.isRunning ? $0 : nil }
    }

    func start(_ node: String) throws -> ProcessID {
      while silent.withLock({ $0.contains(node) }) { usleep(10_000) }
      let thread = try Descriptor.open("/proc/thread-self/comm", O_RDONLY).readAll(limit: 64)
      threads.withLock { _ = $0.insert(String(decoding: thread, as: UTF8.self)) }
      let arguments = hasty.contains(node) ? ["-c", "sleep 0.1; exit 13"] : ["-c", "exec sleep 600"]
      let process = try Detached.start("/bin/sh", arguments, log: "\(root)/\(node).log")
      started.withLock { $0[node, default: []].append(process) }
      return process
    }

    func ended(_ node: String, _ process: ProcessID) -> String? { Detached.reap(process) }
    func isStopped(_ node: String) -> Bool { stopped.withLock { $0.contains(node) } }
    func remember(_ node: String, stopped: Bool) {
      self.stopped.withLock {
        if stopped {
          $0.insert(node)
        } else {
          $0.remove(node)
        }
      }
    }

    func endAll() {
      for process in started.withLock({ $0.values.flatMap { $0 } }) {
        process.signal(SIGKILL)
        _ = Detached.reap(process)
      }
    }
  }

  private func with(
    _ names: [String] = ["node1", "node2"], hasty: Set<String> = [],
    _ body: (Sleepers, Supervisor) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { root in
      let launcher = Sleepers(root, hasty: hasty)
      defer { launcher.endAll() }
      var log = Logger(label: "test")
      log.logLevel = .critical
      let supervisor = Supervisor(launcher, names: names, log: log)
      let task = Task { try await supervisor.run() }
      defer { task.cancel() }
      try await body(launcher, supervisor)
    }
  }

  private func processes(_ supervisor: Supervisor) -> [String: ProcessID] {
    Dictionary(uniqueKeysWithValues: supervisor.processes)
  }

  @Test func aNodeThatEndsIsStartedAgain() async throws {
    try await with { launcher, supervisor in
      try await waitUntil("both to run") { supervisor.processes.count == 2 }
      let first = try #require(processes(supervisor)["node1"])
      let other = processes(supervisor)["node2"]
      first.signal(SIGKILL)
      try await waitUntil("another process") {
        let now = processes(supervisor)["node1"]
        return now != nil && now != first
      }
      #expect(processes(supervisor)["node2"] == other)
    }
  }

  /// A launcher may wait for a container engine, for a minute; the threads that serve the manager's pages are few.
  @Test func nodesAreStartedOnThreadsOfTheirOwn() async throws {
    try await with { launcher, supervisor in
      try await waitUntil("both to run") { supervisor.processes.count == 2 }
      #expect(launcher.threads.withLock { $0 } == ["keeps node1\n", "keeps node2\n"])
    }
  }

  @Test func aNodeThatIsStoppedStaysStopped() async throws {
    try await with { launcher, supervisor in
      try await waitUntil("both to run") { supervisor.processes.count == 2 }
      let process = try #require(processes(supervisor)["node1"])
      try await supervisor.stop("node1")
      #expect(!process.isRunning)
      #expect(launcher.isStopped("node1"))
      try await Task.sleep(for: Supervisor.firstWait + .milliseconds(500))
      #expect(processes(supervisor)["node1"] == nil)
      try await supervisor.set("node1", wanted: true)
      try await waitUntil("it to run again") { processes(supervisor)["node1"] != nil }
    }
  }

  @Test func aNodeThatKeepsEndingIsWaitedForLongerAndLonger() async throws {
    try await with(["node1"], hasty: ["node1"]) { launcher, supervisor in
      try await waitUntil("three starts") { launcher.started.withLock { $0["node1"]?.count ?? 0 } == 3 }
      let plan = NetworkPlan(environment: "local", nodes: ["node1"])
      let status = await supervisor.status(plan)[0]
      #expect(status.restarts >= 2)
      #expect(status.lastExit == "exit 13")
    }
  }

  @Test func theNextManagerTakesOverWhatRuns() async throws {
    try await with { launcher, supervisor in
      try await waitUntil("both to run") { supervisor.processes.count == 2 }
      let before = processes(supervisor)
      let next = Supervisor(launcher, names: ["node1", "node2"], log: Logger(label: "next"))
      #expect(processes(next) == before)
    }
  }

  @Test func stoppingAllEndsAll() async throws {
    try await with { launcher, supervisor in
      try await waitUntil("both to run") { supervisor.processes.count == 2 }
      let before = processes(supervisor)
      try await supervisor.stopAll()
      #expect(before.values.allSatisfy { !$0.isRunning })
      #expect(!launcher.isStopped("node1"))
    }
  }

  /// The page tells what is known, and how old it is; the other node is started again as ever.
  @Test func aLauncherThatDoesNotAnswerForOneNodeKeepsNobodyElseWaiting() async throws {
    try await with { launcher, supervisor in
      try await waitUntil("both to run") { supervisor.processes.count == 2 }
      launcher.silent.withLock { _ = $0.insert("node1") }
      defer { launcher.silent.withLock { $0 = [] } }
      try #require(processes(supervisor)["node1"]).signal(SIGKILL)
      try await waitUntil("node1 to be waited for") {
        await supervisor.status(NetworkPlan(environment: "local", nodes: ["node1"]))[0].age ?? 0 > 2
      }
      let other = try #require(processes(supervisor)["node2"])
      other.signal(SIGKILL)
      try await waitUntil("node2 to run again") {
        let now = processes(supervisor)["node2"]
        return now != nil && now != other
      }
      let begun = ContinuousClock.now
      let status = await supervisor.status(NetworkPlan(environment: "local", nodes: ["node1", "node2"]))
      #expect(ContinuousClock.now - begun < .seconds(8))
      #expect(status[0].age ?? 0 >= 2 && status[1].age ?? 9 <= 1, "\(status)")
      let refused = await #expect(throws: GoudError.self) { try await supervisor.stop("node9") }
      #expect(refused?.code == .nodeUnknown)
      launcher.silent.withLock { $0 = [] }
      try await waitUntil("node1 to run again") { processes(supervisor)["node1"] != nil }
    }
  }

  @Test func anUnknownNodeIsRefused() async throws {
    try await with { _, supervisor in
      await #expect(throws: GoudError.self) { try await supervisor.stop("node9") }
    }
  }
}

@Suite struct DetachedTests {
  @Test func aProcessIsToldApartFromALaterOneOfItsNumber() throws {
    let current = ProcessID.current
    #expect(current.isRunning)
    let other = try JSONDecoder().decode(
      ProcessID.self, from: Data(#"{"pid": \#(current.pid), "began": \#(current.began + 1)}"#.utf8))
    #expect(!other.isRunning)
  }

  @Test func nothingIsLeftOpenAndTheSessionIsItsOwn() async throws {
    try await withTemporaryDirectory { root in
      let log = "\(root)/log"
      let kept = try Descriptor.open(log, O_RDWR | O_CREAT)
      _ = fcntl(kept.fd, F_SETFD, 0)
      let process = try Detached.start(
        "/bin/sh", ["-c", "ls -l /proc/self/fd | wc -l; ps -o sid= -p $$; echo $$; pwd"], log: log)
      try await waitUntil("it to end") { !process.isRunning }
      #expect(Detached.reap(process) == "exit 0")
      let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      // The total, the three standard ones, and the directory that ls itself reads.
      #expect(lines.first == "5", "\(lines)")
      #expect(lines.count == 4 && lines[1] == lines[2] && lines[3] == "/", "\(lines)")
    }
  }

  @Test func aProgramThatIsNotThereIsAnError() throws {
    try inTemporaryDirectory { root in
      let error = #expect(throws: GoudError.self) { try Detached.start("\(root)/none", [], log: "\(root)/log") }
      #expect(error?.code == .ioFailed)
    }
  }
}
