import Agent
import Chain
import GoudCore
import Layout
import Restore
import Runtime

/// The nodes that a running manager looks after, for restores and repairs.
struct ManagedNodes: NodeRunner {
  private let client: ManagerClient
  private let plan: NetworkPlan
  private let home: NetworkHome
  private let health = NodeClient()

  /// nil when no manager runs for this environment: a restore then refuses a volume whose database is open.
  init?(_ context: NetworkContext) {
    guard context.client.manager != nil else { return nil }
    client = context.client
    plan = context.plan
    home = context.home
  }

  func runningNodes() async throws -> [String] {
    try await client.status().nodes.filter { $0.state != .stopped }.map(\.name)
  }

  func stop(_ node: String) async throws { try await client.stop(node) }
  func start(_ node: String) async throws {
    if plan.docker == nil { try NodeUser.handBack(node, in: home) }
    try await client.start(node)
  }

  func confirm(_ node: String, head: BlockReference?, timeout: Duration) async throws {
    let planned = try plan.node(node)
    let deadline = ContinuousClock.now + timeout
    var last = "it does not answer"
    while ContinuousClock.now < deadline {
      if let answer = await health.health(plan.clients(planned).url("/health")) {
        last = [answer.status, answer.reason].compactMap { $0 }.joined(separator: ": ")
        if await stands(answer, head, planned) { return }
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw GoudError(
      .networkStartFailed, "\(node) did not come up with what was restored: \(last)",
      hint: "see goud network logs \(node)", context: ["node": node])
  }

  /// Whether the node's database is whole and has the block.
  private func stands(_ answer: NodeHealth, _ head: BlockReference?, _ node: NetworkPlan.Node) async -> Bool {
    guard ["healthy", "degraded", "syncing"].contains(answer.status) else { return false }
    guard let head else { return true }
    guard let own = answer.head, own.height >= head.height else { return false }
    if own.height == head.height { return own.hash == head.hash.hex }
    return await health.block(at: head.height, of: plan.clients(node).url()) == head.hash.hex
  }
}
