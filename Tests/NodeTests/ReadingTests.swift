import Chain
import Crypto
import Foundation
import GoudCore
import HTTPTypes
import HummingbirdTesting
import NIOCore
import TestSupport
import Testing

@testable import Node

/// What anybody may read: health, peers, blocks, metrics.
@Suite struct ReadingTests {
  @Test(arguments: NodeFixture.Way.allCases) func healthSaysWhereTheChainStands(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      let (_, token) = try await node.account()
      #expect(try await node.submit("a", "b", token).status == 201)
      let health = try await node.get("/health")
      #expect(health.status == 200)
      #expect(health.text("status") == "healthy" && health.text("node_id") == "node1")
      #expect(health.number("chain_length") == 3 && health.number("latest_block") == 2)
      #expect(health.number("peer_count") == 0)
      #expect(health.json["ready"] as? Bool == true && health.json["live"] as? Bool == true)
      #expect(health.text("chain_id") == node.chain.stored.chain.hex)
      #expect(health.text("role") == "authority" && health.text("standing") == "member")
      #expect((health.json["head"] as? [String: Any])?["hash"] as? String == node.chain.stored.head.hash.hex)
      let peers = try await node.get("/peers").list("peers")
      #expect(peers.count == 1 && peers[0]["connected"] as? Bool == false)
    }
  }

  @Test(arguments: [
    (NodeStatus.Condition.healthy, 200, 200), (.degraded, 200, 200), (.syncing, 200, 503), (.starting, 503, 503),
    (.corrupt, 503, 503),
  ]) func healthAndReadinessFollowTheCondition(_ condition: NodeStatus.Condition, _ health: Int, _ ready: Int)
    async throws
  {
    try await NodeFixture.with(.routes) { node in
      node.chain.condition = condition
      let reply = try await node.client.execute(uri: "/health", method: .get)
      #expect(reply.status.code == health)
      #expect(String(buffer: reply.body).contains("\"status\":\"\(condition.rawValue)\""))
      #expect(try await node.get("/health/ready").status == ready)
      #expect(try await node.get("/health/live").status == 200)
      #expect(try await node.get("/api/metrics").status == 200)
      #expect(try await node.get("/api/metrics/prometheus").status == 200)
    }
  }

  @Test func aDamagedDatabaseIsToldToWhoeverAsksForIt() async throws {
    try await NodeFixture.with(.routes) { node in
      let (key, token) = try await node.account()
      node.chain.condition = .corrupt
      #expect(try await node.get("/chain").code == .databaseCorrupt)
      #expect(try await node.get("/data/list", token: token).code == .databaseCorrupt)
      #expect(try await node.post("/account/login", ["api_key": key]).code == .databaseCorrupt)
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func blocksComeInPagesThatProveThemselves(_ way: NodeFixture.Way)
    async throws
  {
    try await NodeFixture.with(way) { node in
      let (_, token) = try await node.account()
      for number in 0..<7 { #expect(try await node.submit("\(number)", "data", token).status == 201) }
      var heights: [Int] = []
      var previous = String(repeating: "0", count: 64)
      var next: Int? = 0
      while let from = next {
        let page = try await node.get("/chain?from=\(from)&limit=4")
        #expect(page.text("chain_id") == node.chain.stored.chain.hex && page.number("chain_length") == 9)
        for block in page.list("blocks") {
          #expect(block["previous"] as? String == previous)
          previous = block["hash"] as? String ?? ""
          heights.append(block["height"] as? Int ?? -1)
          let leaves = (block["entries"] as? [[String: Any]] ?? []).compactMap { $0["encoded"] as? String }
            .compactMap { Data(base64Encoded: $0) }.map { Array($0) }
          #expect(block["merkle_root"] as? String == Merkle.root(of: leaves).hex)
          let signature = Hex.bytes(block["signature"] as? String ?? "") ?? []
          #expect(
            ValidatorKey.verify(signature, of: Hex.bytes(previous)!, by: node.chain.stored.genesis.authority.publicKey))
        }
        next = page.number("next")
      }
      #expect(heights == Array(0...8))
      #expect(try await node.get("/chain?from=9").list("blocks").isEmpty)
      #expect(
        try await node.get("/chain").list("blocks").first?["entries"].map { "\($0)" }?.contains("genesis") == true)
    }
  }

  @Test func aPageOfLargeBlocksIsCutShortButNeverEmpty() async throws {
    var limits = HTTPLimits()
    limits.chainPageBytes = 3000
    try await NodeFixture.with(.routes, limits: limits) { node in
      let (_, token) = try await node.account()
      for _ in 0..<4 { #expect(try await node.submit("a", String(repeating: "x", count: 1200), token).status == 201) }
      #expect(try await node.submit("a", String(repeating: "x", count: 5000), token).status == 201)
      let page = try await node.get("/chain?from=2&limit=100")
      #expect(page.list("blocks").count == 2 && page.number("next") == 4)
      #expect(try await node.get("/chain?from=6&limit=100").list("blocks").count == 1)
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func theGuidesMetricsHaveItsNamesAndTypes(_ way: NodeFixture.Way)
    async throws
  {
    try await NodeFixture.with(way) { node in
      let json = try await node.get("/api/metrics").json
      let volume = try #require(json["volume_metrics"] as? [String: Any])
      #expect(
        Set(volume.keys) == ["disk_used_bytes", "disk_used_mb", "mount_path", "rocksdb_present", "sst_file_count"])
      let bytes = try #require(volume["disk_used_bytes"] as? Int)
      #expect(bytes > 0 && volume["disk_used_mb"] as? Int == bytes >> 20)
      #expect(volume["mount_path"] as? String == node.volume)
      #expect(volume["rocksdb_present"] as? Bool == true)
      #expect(volume["sst_file_count"] as? Int != nil)

      let reply = try await node.get("/api/metrics/prometheus")
      #expect(reply.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
      let text = String(buffer: reply.body)
      for (name, value) in [
        ("disk_used_bytes", "\(bytes)"), ("disk_used_mb", "\(bytes >> 20)"), ("rocksdb_present", "1"),
        ("sst_files", "\(volume["sst_file_count"] ?? "")"),
      ] {
        #expect(text.contains("# TYPE goud_volume_\(name) gauge\ngoud_volume_\(name) \(value)\n"), "\(name)")
      }
      for name in [
        "goud_chain_length 1", "goud_chain_acknowledged_height 0", "goud_chain_head_height 0", "goud_node_ready 1",
        "goud_peers 1", "goud_peers_connected 0", #"goud_peer_connected{peer="node \"2\"\n"} 0"#,
        #"goud_rocksdb_level_files{family="blocks",level="0"}"#, "goud_rocksdb_block_cache_bytes ",
        "goud_rocksdb_running_flushes ", #"goud_rocksdb_pending_compaction_bytes{family="blocks"}"#,
        #"goud_rocksdb_memtable_bytes{family="entries"}"#, "process_resident_memory_bytes ", "goud_build_info{version=",
        #"goud_http_requests_total{route="/api/metrics",method="GET",status="200"} 1"#,
      ] {
        #expect(text.contains("\n" + name), "\(name)")
      }
    }
  }

  @Test(arguments: [NodeStatus.Condition.healthy, .corrupt])
  func promtoolFindsNothingWrong(_ condition: NodeStatus.Condition) async throws {
    try await NodeFixture.with(.socket) { node in
      let (_, token) = try await node.account()
      _ = try await node.submit("a", "b", token)
      for path in ["/health", "/nothing", "/data/decrypt/%22x%22", "/chain?from=x"] { _ = try await node.get(path) }
      node.chain.condition = condition
      let text = String(buffer: try await node.get("/api/metrics/prometheus").body)
      let path = "\(node.volume)/metrics.txt"
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      // Its one complaint is about a name that the guide promised.
      let result = try await Programs.run("bash", ["-c", "promtool check metrics < \(path)"])
      #expect(result.errors == "goud_volume_disk_used_mb metric names should not contain abbreviated units\n")
      #expect(result.status == 3)
      #expect(text.contains("goud_chain_length") == (condition == .healthy))

      // What is told twice is found.
      try (text + "# TYPE goud_node_ready counter\ngoud_node_ready 1\n").write(
        toFile: path, atomically: true, encoding: .utf8)
      #expect(try await Programs.run("bash", ["-c", "promtool check metrics < \(path)"]).status == 1)
    }
  }

  @Test func clientsCannotMakeMetricsGrow() async throws {
    try await NodeFixture.with(.routes) { node in
      for number in 0..<50 {
        _ = try await node.get("/nothing/\(number)")
        _ = try await node.send(HTTPMethod("METHOD\(number)")!, "/chain")
        _ = try await node.get("/data/decrypt/\(number)")
      }
      let text = String(buffer: try await node.get("/api/metrics/prometheus").body)
      let lines = text.split(separator: "\n").filter { $0.hasPrefix("goud_http_requests_total{") }
      #expect(lines.count == 3, "\(lines)")
      #expect(lines.contains(#"goud_http_requests_total{route="unmatched",method="GET",status="404"} 50"#), "\(lines)")
    }
  }
}
