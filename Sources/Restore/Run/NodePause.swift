import Chain
import GoudCore

/// The nodes that a restore stops just before it swaps their volumes, and starts again after it.
///
/// Between the two a kill leaves them stopped: the volumes are then what `PendingRestore` makes of them, and the nodes are
/// started by hand.
struct NodePause {
  let runner: any NodeRunner
  /// Sorted; the names of the nodes.
  let nodes: [String]
  let cancellation: Cancellation
  let progress: any ProgressSink

  /// - Throws: what the runner throws; the nodes that were stopped run again then.
  func stop() throws {
    var stopped: [String] = []
    do {
      for node in nodes {
        progress.begin("stop \(node)", total: .zero)
        let runner = runner
        stopped.append(node)
        try Awaiting.result(of: { try await runner.stop(node) }, cancellation)
        progress.end()
        try cancellation.check()
      }
    } catch {
      resume(stopped)
      throw error
    }
    KillPoint.reached("restore.nodes-stopped")
  }

  /// Starts the nodes again after nothing has come of the restore, as far as that works: the error behind it counts.
  func resume() { resume(nodes) }

  private func resume(_ nodes: [String]) {
    for node in nodes {
      let runner = runner
      try? Awaiting.result(of: { try await runner.start(node) })
    }
  }

  /// Starts the nodes on what was restored, and waits until each says that it holds it.
  /// - Parameter heads: by node; none for those that hold no chain.
  /// - Throws: what the runner throws; `run.interrupted`, `run.terminated`: the nodes are started then.
  func confirm(_ heads: [String: BlockReference], timeout: Duration) throws {
    for node in nodes {
      let runner = runner
      try Awaiting.result(of: { try await runner.start(node) })
    }
    for node in nodes {
      progress.begin("wait for \(node)", total: .zero)
      let runner = runner
      let head = heads[node]
      try Awaiting.result(of: { try await runner.confirm(node, head: head, timeout: timeout) }, cancellation)
      progress.end()
    }
  }

  /// Stops them again, puts back what the restore replaced, and starts them.
  /// - Parameters:
  ///   - copies: what that restore has made safety copies of, and nothing else.
  ///   - locks: that restore's, so that nobody else comes between.
  func goBack(to copies: [SafetyCopy], _ locks: VolumeLocks) throws {
    for node in nodes {
      let runner = runner
      try Awaiting.result(of: { try await runner.stop(node) })
    }
    defer { resume() }
    var rollback = Rollback(.copies(copies))
    // What was there is what is wanted, whole or not.
    rollback.allowUnproven = true
    _ = try rollback.run(locks)
  }
}
