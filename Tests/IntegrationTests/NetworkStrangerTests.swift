import Foundation
import GoudCore
import TestSupport
import Testing

/// What strangers may take of a network: real processes, asked by curl.
@Suite(.serialized) struct NetworkStrangerTests {
  private func curl(_ arguments: String...) async throws -> (status: Int, body: String) {
    let finished = try await Programs.run("curl", ["-sS", "-m", "20", "-w", "\n%{http_code}"] + arguments)
    var lines = finished.output.split(separator: "\n", omittingEmptySubsequences: false)
    let status = lines.popLast().flatMap { Int($0) } ?? 0
    return (status, lines.joined(separator: "\n"))
  }

  private func field(_ name: String, _ body: String) -> String? {
    (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])?[name] as? String
  }

  private func create(_ url: String, _ fields: String...) async throws -> (status: Int, key: String) {
    let headers = fields.flatMap { ["-H", $0] }
    let finished = try await Programs.run(
      "curl", ["-sS", "-m", "20", "-w", "\n%{http_code}", "-X", "POST", "\(url)/account/create"] + headers)
    let lines = finished.output.split(separator: "\n")
    return (lines.last.flatMap { Int($0) } ?? 0, field("api_key", lines.dropLast().joined()) ?? "")
  }

  private func login(_ url: String, _ key: String) async throws -> String? {
    let reply = try await curl(
      "\(url)/account/login", "-H", "content-type: application/json", "-d", "{\"api_key\":\"\(key)\"}")
    return field("session_token", reply.body)
  }

  /// Sends an entry so many times.
  private func put(_ url: String, _ token: String, count: Int, bytes: Int, in root: String) async throws -> [Int: Int] {
    let entry = "\(root)/entry"
    let data = String(repeating: "x", count: bytes)
    try Data("{\"label\":\"l\",\"data\":\"\(data)\"}".utf8).write(to: URL(fileURLWithPath: entry))
    var statuses: [Int: Int] = [:]
    for _ in 0..<count {
      let reply = try await curl(
        "\(url)/data/submit", "-H", "Authorization: Bearer \(token)", "-H", "content-type: application/json", "-d",
        "@\(entry)")
      statuses[reply.status, default: 0] += 1
    }
    return statuses
  }

  /// Three nodes on one small file system: a stranger fills it to the reserve and no further.
  @Test func whoFillsADiskStopsWritesAndNothingElse() async throws {
    try await NetworkFixture.with(started: false) { network in
      try await Mounts.tmpfs(megabytes: 300, at: network.fixture.home) { disk in
        try await network.start()
        do {
          try await fill(network, disk)
        } catch {
          _ = try await network.goud("network", "stop")
          throw error
        }
        #expect(try await network.goud("network", "stop").status == 0)
      }
    }
  }

  private func fill(_ network: NetworkFixture, _ disk: String) async throws {
    let urls = network.urls
    let key = try await create(urls[0]).key
    let token = try #require(try await login(urls[0], key))
    let statuses = try await put(urls[0], token, count: 120, bytes: 1_000_000, in: network.fixture.root)
    #expect(statuses[201] ?? 0 >= 10, "\(statuses)")
    #expect((statuses[507] ?? 0) + (statuses[503] ?? 0) >= 20, "\(statuses)")
    #expect((statuses[201] ?? 0) + (statuses[507] ?? 0) + (statuses[503] ?? 0) == 120, "\(statuses)")
    for url in urls {
      let asked = ContinuousClock.now
      let own = try #require(try await login(url, key), "\(url)")
      #expect(try await curl("\(url)/data/list", "-H", "Authorization: Bearer \(own)").status == 200)
      #expect(ContinuousClock.now - asked < .seconds(8))
      try await TestSupport.waitUntil("\(url) to say that it has no room") {
        try await network.get("\(url)/health").body.contains("degraded")
      }
    }
    let status = try await network.status()
    #expect(status.nodes.allSatisfy { $0.restarts == 0 && $0.state == "running" }, "\(status)")
    let room = try FileSystem.room(at: disk).available
    #expect(room.bytes > 32 << 20, "\(room)")
    // With room again, writes go on by themselves.
    let larger = try await Programs.run("mount", ["-o", "remount,size=900m", disk])
    try #require(larger.status == 0, "\(larger.errors)")
    try await network.waitUntil("the nodes to have room") { $0.condition == "healthy" }
    for url in urls { #expect(try await create(url).status == 201, "\(url)") }
  }

  @Test func aQuotaHoldsWhateverHappensToTheNodes() async throws {
    try await NetworkFixture.with(settings: ["ACCOUNT_QUOTA_MIB": "1"]) { network in
      let urls = network.urls
      let key = try await create(urls[0]).key
      let token = try #require(try await login(urls[0], key))
      var stored = 0
      for round in 0..<3 {
        let statuses = try await put(urls[0], token, count: 6, bytes: 200_000, in: network.fixture.root)
        stored += statuses[201] ?? 0
        #expect(stored == 5, "round \(round): \(statuses)")
        #expect((statuses[507] ?? 0) == (round == 0 ? 1 : 6), "round \(round): \(statuses)")
        for node in try await network.status().nodes { kill(try #require(node.pid), SIGKILL) }
        try await network.waitUntil("all to be back") { status in
          status.condition == "healthy" && status.nodes.allSatisfy { $0.restarts > round }
        }
      }
      #expect(try await create(urls[1]).status == 201)
    }
  }

  @Test func onlyWhoHasTheTokenRegistersAndNoNodeHasIt() async throws {
    try await NetworkFixture.with(nodes: 2, settings: ["REGISTRATION": "token"]) { network in
      let path = "\(network.home)/registration_token"
      let status = try #require(try FileSystem.status(path))
      #expect(status.st_mode & 0o777 == 0o600)
      let token = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
      for url in network.urls {
        #expect(try await create(url).status == 401)
        #expect(try await create(url, "Authorization: Bearer x\(token.dropFirst())").status == 401)
        #expect(try await create(url, "Authorization: Bearer \(token)").status == 201)
      }
      let processes = try await network.processes()
      #expect(!processes.isEmpty)
      for process in processes {
        for file in ["cmdline", "environ"] {
          let content = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/\(file)"))
          #expect(content.range(of: Data(token.utf8)) == nil, "\(file)")
        }
      }
    }
  }
}
