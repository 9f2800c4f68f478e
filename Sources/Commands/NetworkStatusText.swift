import Foundation
import GoudCore
import Runtime

/// A network's status for people.
enum NetworkStatusText {
  static func write(_ status: NetworkStatus, _ format: OutputFormat) {
    switch format {
    case .json: Output.write((try? Output.json(status)) ?? "{}")
    case .table: Output.write(text(status))
    }
  }

  private static func text(_ status: NetworkStatus) -> String {
    let manager = status.managerPid.map { "manager \(status.plan.manager.url()) (process \($0))" }
    let chain = status.chain.map { "chain \($0.prefix(12))" }
    let facts = [chain, manager ?? "no manager runs"].compactMap { $0 }.joined(separator: ", ")
    let table = Output.table(
      ["NODE", "STATE", "ROLE", "LENGTH", "HEAD", "PEERS", "LAG", "URL"], status.nodes.map(row))
    let notes = status.nodes.compactMap(note) + [status.watch.map(note)].compactMap { $0 }
    return (["\(status.plan.environment): \(status.condition.rawValue); \(facts)", table] + notes)
      .joined(separator: "\n")
  }

  private static func note(_ watch: NetworkStatus.Watch) -> String {
    let last = watch.lastBackup.map { "; last whole backup \($0.ISO8601Format())" } ?? ""
    return "watch: \(watch.summary)\(last)"
  }

  private static func row(_ node: NetworkStatus.Node) -> [String] {
    let health = node.health
    let head = health?.head.map { "\($0.height) \($0.hash.prefix(8))" }
    return [
      node.name, health?.status ?? (node.state == .running ? "no answer" : node.state.rawValue), health?.role ?? "-",
      health.map { "\($0.chainLength)" } ?? "-", head ?? "-", health.map { "\($0.peerCount)" } ?? "-",
      node.lag.map { "\($0)" } ?? "-", node.url,
    ]
  }

  /// Why a node is not healthy.
  static func note(_ node: NetworkStatus.Node) -> String? {
    if let age = node.age, age > 3 { return "\(node.name): seen \(Int(age)) s ago; what runs it does not answer" }
    if let health = node.health {
      let risk = health.atRisk && health.role == "authority" ? "acknowledges without a majority: see WRITE_ACKS" : nil
      return [health.reason, risk].compactMap { $0 }.first.map { "\(node.name): \($0)" }
    }
    return node.state == .waiting ? "\(node.name): ended (\(node.lastExit ?? "unknown")), is started again" : nil
  }
}
