import Foundation
import GoudCore
public import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Nodes as processes of this machine. `run/<node>.json` says which process a node is, `run/<node>.stopped` that the
/// operator has stopped it.
public struct ProcessLauncher: NodeLauncher {
  private let home: NetworkHome
  private let plan: NetworkPlan
  private let founding: Founding
  private let program: String
  private let user: NodeUser.Choice
  /// As it was when this was made: secrets are wiped from the process's own.
  private let environment = ProcessEnvironment.node

  /// - Parameter user: whom nodes run as.
  public init(home: NetworkHome, plan: NetworkPlan, founding: Founding, program: String, user: NodeUser.Choice) {
    self.home = home
    self.plan = plan
    self.founding = founding
    self.program = program
    self.user = user
  }

  public func running(_ node: String) -> ProcessID? {
    if let bytes = try? Descriptor.open(home.process(node), O_RDONLY).readAll(limit: 4096),
      let process = try? JSONDecoder().decode(ProcessID.self, from: Data(bytes)), process.isRunning
    {
      return process
    }
    // A manager that was killed between starting a node and noting it down.
    guard let volume = try? plan.node(node).volume,
      let holder = LockHolder.find(kind: "POSIX", path: "\(volume)/\(VolumeName.database)/LOCK"), holder.pid > 0,
      holder.command.contains("node run --name \(node) --data \(volume) ")
    else { return nil }
    return ProcessID(holder.pid)
  }

  public func start(_ node: String) throws -> ProcessID {
    let planned = try plan.node(node)
    try founding.turn.take {
      if try FileSystem.status(planned.volume) == nil { _ = try founding.prepare() }
      try founding.makeProgress(node)
    }
    let user = try user.user()
    try user?.own(node, in: home)
    let arguments = try plan.arguments(for: planned, home: home) + (user?.arguments(from: home) ?? [])
    let process = try Detached.start(program, arguments, log: home.log(node), environment: environment)
    try AtomicFile.write(Array(try JSONEncoder().encode(process)), to: home.process(node))
    return process
  }

  public func prepare() throws { _ = try user.user() }

  public func handOver() throws {
    guard let user = try user.user() else { return }
    for node in plan.nodes where running(node.name) == nil { try user.own(node.name, in: home) }
  }

  public func ended(_ node: String, _ process: ProcessID) -> String? {
    try? FileManager.default.removeItem(atPath: home.process(node))
    return Detached.reap(process)
  }

  public func isStopped(_ node: String) -> Bool { StopMarks(home).isStopped(node) }
  public func remember(_ node: String, stopped: Bool) throws { try StopMarks(home).remember(node, stopped: stopped) }
}
