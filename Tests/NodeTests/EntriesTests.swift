import Chain
import Foundation
import GoudCore
import HTTPTypes
import NIOCore
import Testing

@testable import Node

/// What an account can do, and what nobody else can.
@Suite struct EntriesTests {
  @Test(arguments: NodeFixture.Way.allCases) func anAccountIsMadeAndLogsIn(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      let created = try await node.send(.post, "/account/create", ByteBuffer(string: #"{"metadata":null}"#))
      #expect(created.status == 201)
      let key = try APIKey(created.text("api_key"))
      #expect(created.text("warning").contains("once"))
      let login = try await node.post("/account/login", ["api_key": created.text("api_key")])
      #expect(login.status == 200)
      #expect(login.text("account_id") == created.text("account_id"))
      #expect(login.number("expires_in") == 3600)
      #expect(login.headers[.cacheControl] == "no-store")

      // The chain holds the hash of the key, and the volume the key nowhere.
      let stored = try #require(try node.chain.stored.account(keyHash: key.hash))
      #expect(Hex.text(stored.content.id) == created.text("account_id"))
      #expect(created.number("block_number") == Int(stored.position.height))
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func whatIsSubmittedIsListedAndOpened(_ way: NodeFixture.Way) async throws
  {
    try await NodeFixture.with(way) { node in
      let (_, token) = try await node.account()
      let data = "Zwölf \u{1F600} \"quoted\" \\ \n" + String(repeating: "x", count: 5000)
      let submitted = try await node.submit("first", data, token)
      #expect(submitted.status == 201)
      #expect(submitted.number("block_number") == Int(node.chain.stored.acknowledged))
      let id = submitted.text("entry_id")
      let list = try await node.get("/data/list", token: token)
      #expect(list.list("entries").map { $0["entry_id"] as? String } == [id])
      #expect(list.list("entries").first?["label"] as? String == "first")
      for method in [HTTPMethod.get, .post] {
        let opened = try await node.send(method, "/data/decrypt/\(id)", token: token)
        #expect(opened.status == 200)
        #expect(opened.text("data") == data)
        #expect(opened.text("label") == "first")
        #expect(opened.text("created_at") == submitted.text("created_at"))
      }
      #expect(try await node.send(.post, "/data/list", token: token).list("entries").count == 1)
    }
  }

  @Test func nothingOfAnEntryOrAKeyLiesOnTheVolume() async throws {
    try await NodeFixture.with(.routes) { node in
      let (key, token) = try await node.account()
      let secret = "the-combination-is-12345"
      #expect(try await node.submit("label-" + secret, secret, token).status == 201)
      let digits = Hex.bytes(key.dropFirst(5).prefix(64))!
      for path in try FileManager.default.subpathsOfDirectory(atPath: node.volume) {
        guard let content = FileManager.default.contents(atPath: "\(node.volume)/\(path)") else { continue }
        #expect(content.range(of: Data(secret.utf8)) == nil, "\(path)")
        #expect(content.range(of: Data(digits)) == nil, "\(path)")
        #expect(content.range(of: Data(key.dropFirst(5).prefix(32).utf8)) == nil, "\(path)")
      }
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func anotherAccountsEntriesAreUnknown(_ way: NodeFixture.Way) async throws
  {
    try await NodeFixture.with(way) { node in
      let (_, mine) = try await node.account()
      let (_, other) = try await node.account()
      let id = try await node.submit("mine", "data", mine).text("entry_id")
      let foreign = try await node.get("/data/decrypt/\(id)", token: other)
      let missing = try await node.get("/data/decrypt/\(String(repeating: "0", count: 32))", token: other)
      #expect(foreign.status == 404 && foreign.code == .entryNotFound)
      #expect(foreign.body == missing.body)
      #expect(try await node.get("/data/list", token: other).list("entries").isEmpty)
      for wrong in ["x", "00", String(repeating: "0", count: 34), "..", "%2e%2e", id.uppercased() + "0", "%ff"] {
        #expect(try await node.get("/data/decrypt/\(wrong)", token: mine).status == 404, "\(wrong)")
      }
    }
  }

  @Test func pagesShowEveryEntryOnceNewestFirst() async throws {
    try await NodeFixture.with(.routes) { node in
      let (_, token) = try await node.account()
      let (_, other) = try await node.account()
      // Several in one block, and some of another account between them.
      let statuses = try await withThrowingTaskGroup { group in
        for number in 0..<25 {
          group.addTask { try await node.submit("\(number)", "data", token).status }
          group.addTask { try await node.submit("other", "data", other).status }
        }
        return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
      }
      #expect(statuses == [201])
      var seen: [String] = []
      var places: [Int] = []
      var cursor: String? = ""
      while let next = cursor {
        let page = try await node.get("/data/list?limit=4" + (next.isEmpty ? "" : "&cursor=\(next)"), token: token)
        let entries = page.list("entries")
        #expect(entries.count == 4 || page.json["next_cursor"] == nil)
        seen += entries.compactMap { $0["label"] as? String }
        places += entries.compactMap { $0["block_number"] as? Int }
        cursor = page.json["next_cursor"] as? String
      }
      #expect(seen.count == 25 && Set(seen) == Set((0..<25).map(String.init)))
      #expect(places == places.sorted(by: >))
    }
  }

  @Test func whatIsNotAcknowledgedIsNotShown() async throws {
    var limits = HTTPLimits()
    limits.submitTime = .milliseconds(50)
    try await NodeFixture.with(.routes, limits: limits) { node in
      let (_, token) = try await node.account()
      let length = try await node.get("/health").number("chain_length")
      node.chain.acknowledge(false)
      let late = try await node.submit("late", "data", token)
      #expect(late.status == 504 && late.code == .nodeUnacknowledged)
      #expect(node.chain.stored.head.height == node.chain.stored.acknowledged + 1)
      #expect(try await node.get("/data/list", token: token).list("entries").isEmpty)
      #expect(try await node.get("/chain?limit=100").list("blocks").count == length)
      #expect(try await node.get("/health").number("chain_length") == length)
    }
  }

  @Test(arguments: [ErrorCode.nodeNoMajority, .nodeNotReady, .nodeBusy])
  func refusedWritesSayWhyAndReadsGoOn(_ code: ErrorCode) async throws {
    try await NodeFixture.with(.routes) { node in
      let (key, token) = try await node.account()
      let id = try await node.submit("before", "data", token).text("entry_id")
      node.chain.condition = .degraded
      node.chain.refuse(GoudError(code, "1 of 3 nodes is there; 2 are needed", hint: "start node2 or node3"))
      let refused = try await node.submit("after", "data", token)
      #expect(refused.status == 503 && refused.code == code)
      #expect(refused.error?["hint"] as? String == "start node2 or node3")
      #expect(try await node.send(.post, "/account/create").status == 503)
      #expect(try await node.get("/data/decrypt/\(id)", token: token).status == 200)
      #expect(try await node.get("/data/list", token: token).list("entries").count == 1)
      #expect(try await node.post("/account/login", ["api_key": key]).status == 200)
      #expect(try await node.get("/chain").status == 200)
    }
  }

  /// A follower may not hold yet what another node has acknowledged: only what it is sure of is final.
  @Test(arguments: [nil, 0, 3] as [UInt64?])
  func anAccountThatAFollowerDoesNotKnowYetMayCome(behind: UInt64?) async throws {
    let secrets = try NodeSecrets.inMemory()
    try await NodeFixture.with(.routes, secrets: secrets) { elsewhere in
      let (_, token) = try await elsewhere.account()
      try await NodeFixture.with(.routes, secrets: secrets) { node in
        node.chain.pose(as: .follower, behind: behind)
        let refused = try await node.get("/data/list", token: token)
        #expect(refused.status == 503 && refused.code == .nodeNotReady)
        node.chain.pose(as: .authority, behind: 0)
        #expect(try await node.get("/data/list", token: token).status == 403, "what was refused is not remembered")
      }
    }
  }

  @Test func aTokenOfAnAccountThatTheChainLostIsForbidden() async throws {
    let secrets = try NodeSecrets.inMemory()
    try await NodeFixture.with(.routes, secrets: secrets) { before in
      let (key, token) = try await before.account()
      try await NodeFixture.with(.routes, secrets: secrets) { after in
        let refused = try await after.submit("x", "y", token)
        #expect(refused.status == 403 && refused.code == .accountUnknown)
        #expect(try await after.get("/data/list", token: token).status == 403)
        let login = try await after.post("/account/login", ["api_key": key])
        #expect(login.status == 401 && login.code == .keyUnknown)
      }
    }
  }

  @Test func concurrentSubmissionsShareBlocks() async throws {
    try await NodeFixture.with(.routes) { node in
      let (_, token) = try await node.account()
      let places = try await withThrowingTaskGroup { group in
        for number in 0..<200 {
          group.addTask { [String(number), try await node.submit("\(number)", "data", token).text("entry_id")] }
        }
        return try await group.reduce(into: [[String]]()) { $0.append($1) }
      }
      #expect(Set(places.map { $0[1] }).count == 200)
      for place in places {
        let entry = try #require(try node.chain.stored.entry(Hex.bytes(place[1])!))
        #expect(entry.position.height <= node.chain.stored.acknowledged)
      }
    }
  }
}
