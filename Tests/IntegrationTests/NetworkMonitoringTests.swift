import Foundation
import GoudCore
import TestSupport
import Testing

/// The rules and examples of deploy/prometheus with a real Prometheus that scrapes a real network.
@Suite(.serialized) struct NetworkMonitoringTests {
  @Test func theRulesFireAndStayQuietAsTheirTestsSay() async throws {
    let tested = try await Programs.run(
      "promtool", ["test", "rules", Checkout.path("deploy/prometheus/goud.rules.test.yml")])
    #expect(tested.status == 0, "\(tested.output) \(tested.errors)")
    let checked = try await Programs.run(
      "promtool", ["check", "config", Checkout.path("deploy/prometheus/prometheus.example.yml")])
    #expect(checked.status == 0, "\(checked.output) \(checked.errors)")
  }

  @Test func prometheusSeesEveryNodeTheBackupAndANodeThatIsGone() async throws {
    try await NetworkFixture.with { network in
      #expect(try await network.goud("backup", "create").status == 0)
      let port = network.ports.manager + 50
      let example = try String(
        contentsOfFile: Checkout.path("deploy/prometheus/prometheus.example.yml"), encoding: .utf8)
      let config = example.replacingOccurrences(of: "localhost:8080", with: "127.0.0.1:\(network.ports.manager)")
        .replacingOccurrences(of: "goud.rules.yml", with: Checkout.path("deploy/prometheus/goud.rules.yml"))
        .replacingOccurrences(of: "15s", with: "1s")
      let root = network.fixture.root
      try AtomicFile.write(Array(config.utf8), to: "\(root)/prometheus.yml")
      let arguments = [
        "--config.file=\(root)/prometheus.yml", "--storage.tsdb.path=\(root)/tsdb",
        "--web.listen-address=127.0.0.1:\(port)",
      ]
      try await Programs.running("/bin/sh", ["-c", "exec prometheus \"$@\"", "sh"] + arguments) { _ in
        let prometheus = Prometheus(port: port, network: network)
        try await prometheus.waitFor("goud_node_up", ["node1": "1", "node2": "1", "node3": "1"])
        try await prometheus.waitFor("goud_volume_rocksdb_present", ["node1": "1", "node2": "1", "node3": "1"])
        #expect(try await prometheus.values("goud_backup_last_run_success") == ["": "1"])
        #expect(try await prometheus.values("time() - goud_backup_last_good_timestamp_seconds < 3600").count == 1)
        let rules = try await network.get("http://127.0.0.1:\(port)/api/v1/rules").body
        #expect(rules.components(separatedBy: #""health":"ok""#).count == 11, "\(rules)")
        for (title, query) in try Dashboard.queries() {
          try await prometheus.waitForAny(query, "the panel '\(title)'")
        }
        _ = try await network.goud("network", "stop", "node2")
        try await prometheus.waitFor("goud_node_up", ["node1": "1", "node2": "0", "node3": "1"])
        try await prometheus.waitFor(
          #"ALERTS{alertname="GoudNodeOffline", alertstate="pending"}"#, ["node2": "1"])
      }
    }
  }
}

/// `deploy/grafana/goud.dashboard.json`
private enum Dashboard {
  static func queries() throws -> [(title: String, query: String)] {
    let data = try Data(contentsOf: URL(fileURLWithPath: Checkout.path("deploy/grafana/goud.dashboard.json")))
    let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let panels = json?["panels"] as? [[String: Any]] ?? []
    let queries = panels.flatMap { panel in
      let targets = panel["targets"] as? [[String: Any]] ?? []
      return targets.map { (panel["title"] as? String ?? "", $0["expr"] as? String ?? "") }
    }
    try #require(queries.count >= panels.count && panels.count >= 10)
    return queries
  }
}

private struct Prometheus {
  let port: Int
  let network: NetworkFixture

  /// By node.
  func values(_ query: String) async throws -> [String: String] {
    let text = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let answer = try await network.get("http://127.0.0.1:\(port)/api/v1/query?query=\(text)")
    let json = try? JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
    let results = (json?["data"] as? [String: Any])?["result"] as? [[String: Any]] ?? []
    return Dictionary(
      results.map { result in
        let labels = result["metric"] as? [String: String] ?? [:]
        return (labels["node"] ?? "", (result["value"] as? [Any])?.last as? String ?? "")
      }, uniquingKeysWith: { first, _ in first })
  }

  /// Until there is a number.
  func waitForAny(_ query: String, _ what: String) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try await values(query).values.allSatisfy({ Double($0)?.isFinite != true }) {
      guard ContinuousClock.now < deadline else { throw TestFailure("\(what) stays empty: \(query)") }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  func waitFor(_ query: String, _ expected: [String: String]) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while true {
      let found = try await values(query)
      if found == expected { return }
      guard ContinuousClock.now < deadline else { throw TestFailure("\(query) is \(found)") }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
