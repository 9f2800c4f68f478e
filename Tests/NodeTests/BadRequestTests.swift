import Chain
import Foundation
import GoudCore
import HTTPTypes
import NIOCore
import Testing

@testable import Node

typealias HTTPMethod = HTTPRequest.Method

/// Every kind of bad request, and what each is told.
@Suite struct BadRequestTests {
  @Test(arguments: NodeFixture.Way.allCases) func withoutAGoodTokenNothingIsDone(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      let (key, token) = try await node.account()
      let foreign = try await Sessions(NodeSecrets.inMemory()).issue(
        APIKey(key), account: [UInt8](repeating: 1, count: 16))
      let cases: [(String?, ErrorCode)] = [
        (nil, .tokenMissing), ("", .tokenInvalid), ("Bearer", .tokenInvalid), ("Bearer ", .tokenInvalid),
        ("Basic \(token)", .tokenInvalid), ("Bearer nonsense", .tokenInvalid), ("Bearer \(foreign)", .tokenInvalid),
        ("Bearer \(token)x", .tokenInvalid), ("Bearer \(key)", .tokenInvalid), ("Bearer a.b.c d", .tokenInvalid),
      ]
      for (field, code) in cases {
        for (method, path) in [(HTTPMethod.post, "/data/submit"), (.get, "/data/list"), (.get, "/data/decrypt/00")] {
          var headers: HTTPFields = [:]
          if let field { headers[.authorization] = field }
          let reply = try await node.send(method, path, headers: headers)
          #expect(reply.status == 401 && reply.code == code, "\(field ?? "none") \(path)")
          #expect(reply.headers[.wwwAuthenticate] == "Bearer")
        }
      }
      for scheme in ["bearer", "BEARER"] {
        let reply = try await node.send(.get, "/data/list", headers: [.authorization: "\(scheme) \(token)"])
        #expect(reply.status == 200)
      }
      #expect(node.chain.stored.acknowledged == 1)
    }
  }

  @Test func anExpiredTokenSaysSo() async throws {
    var limits = HTTPLimits()
    limits.sessionSeconds = 0
    try await NodeFixture.with(.routes, limits: limits) { node in
      let (_, token) = try await node.account()
      let reply = try await node.submit("x", "y", token)
      #expect(reply.status == 401 && reply.code == .tokenExpired)
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func aWrongKeyIsToldApartFromASlip(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      let unknown = try await node.post("/account/login", ["api_key": APIKey().text])
      #expect(unknown.status == 401 && unknown.code == .keyUnknown)
      for slip in ["", "goud_", "x", String(APIKey().text.dropLast())] {
        let reply = try await node.post("/account/login", ["api_key": slip])
        #expect(reply.status == 401 && reply.code == .keyMalformed, "\(slip)")
      }
      #expect(try await node.post("/account/login", ["key": "x"]).code == .requestInvalid)
      #expect(try await node.send(.post, "/account/login").code == .requestMalformed)
    }
  }

  @Test(arguments: NodeFixture.Way.allCases)
  func unknownAddressesAndMethodsAreToldApart(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      for path in [
        "/", "/nothing", "/health/", "/health/x", "/data", "/data/decrypt", "/data/decrypt/a/b", "/api", "//", "/..",
        "/%00", "/chain%2F",
      ] {
        let reply = try await node.get(path)
        if path == "/health/" { continue }  // An empty component counts for nothing.
        #expect(reply.status == 404 && reply.code == .requestUnknownRoute, "\(path)")
      }
      let allowed = [
        ("/health", "GET, HEAD"), ("/chain", "GET, HEAD"), ("/peers", "GET, HEAD"), ("/api/metrics", "GET, HEAD"),
        ("/account/create", "POST"), ("/account/login", "POST"), ("/data/submit", "POST"),
        ("/data/list", "GET, POST, HEAD"), ("/data/decrypt/00", "GET, POST, HEAD"),
      ]
      for (path, methods) in allowed {
        for method in [HTTPMethod.put, .delete, .patch, .options, methods.contains("GET") ? .put : .get] {
          let reply = try await node.send(method, path)
          #expect(reply.status == 405 && reply.code == .requestMethod, "\(method) \(path)")
          #expect(reply.headers[.allow] == methods, "\(method) \(path)")
        }
      }
      let head = try await node.send(.head, "/health")
      #expect(head.status == 200 && head.body.readableBytes == 0)
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func badBodiesAreRefusedAndNothingIsStored(_ way: NodeFixture.Way)
    async throws
  {
    try await NodeFixture.with(way) { node in
      let (_, token) = try await node.account()
      let before = node.chain.stored.head.height
      let cases: [(String, Int)] = [
        ("", 400), ("{", 400), ("nonsense", 400), ("{}", 422), ("[]", 422), ("null", 422), (#""text""#, 422),
        (#"{"label":"a"}"#, 422), (#"{"data":"a"}"#, 422), (#"{"label":1,"data":"a"}"#, 422),
        (#"{"label":"a","data":{"b":1}}"#, 422), (#"{"label":null,"data":"a"}"#, 422),
        (#"{"label":"","data":"a"}"#, 422),
        (#"{"label":"a","data":"\ud800"}"#, 400), ("{\"label\":\"a\",\"data\":\"\u{1}\"}", 400),
        (#"{"label":"a","data":"b"}{"#, 400), (String(repeating: "[", count: 10_000), 400),
        (
          #"{"label":"a","data":"b","x":"# + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
            + "}", 400
        ),
      ]
      for (body, status) in cases {
        let reply = try await node.send(.post, "/data/submit", ByteBuffer(string: body), token: token)
        #expect(reply.status == status, "\(body.prefix(60)): \(reply.json)")
      }
      let bytes = ByteBuffer(bytes: Array(#"{"label":"a","data":""#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8))
      #expect(try await node.send(.post, "/data/submit", bytes, token: token).status == 400)
      #expect(node.chain.stored.head.height == before)
    }
  }

  @Test func aFieldThatNobodyKnowsIsPassedOver() async throws {
    try await NodeFixture.with(.routes) { node in
      let (_, token) = try await node.account()
      let reply = try await node.post("/data/submit", ["label": "a", "data": "b", "more": "c", "": ""], token: token)
      #expect(reply.status == 201)
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func onlyJSONIsTaken(_ way: NodeFixture.Way) async throws {
    try await NodeFixture.with(way) { node in
      let (_, token) = try await node.account()
      let body = ByteBuffer(string: #"{"label":"a","data":"b"}"#)
      let types = [
        ("application/json", 201), ("Application/JSON; charset=utf-8", 201), ("application/json ;charset=utf-8", 201),
        ("application/x-www-form-urlencoded", 415), ("text/plain", 415), ("multipart/form-data; boundary=x", 415),
        ("application/jsonx", 415), (";", 415), ("", 415),
      ]
      for (type, status) in types {
        let reply = try await node.send(.post, "/data/submit", body, token: token, headers: [.contentType: type])
        #expect(reply.status == status, "\(type)")
      }
    }
  }

  @Test(arguments: NodeFixture.Way.allCases) func labelsAndDataHaveTheirSizes(_ way: NodeFixture.Way) async throws {
    var limits = HTTPLimits()
    limits.dataBytes = 1000
    try await NodeFixture.with(way, limits: limits) { node in
      let (_, token) = try await node.account()
      func status(_ label: String, _ data: String) async throws -> Int {
        try await node.submit(label, data, token).status
      }
      #expect(try await status(String(repeating: "a", count: 256), "") == 201)
      #expect(try await status(String(repeating: "a", count: 257), "") == 422)
      #expect(try await status(String(repeating: "ü", count: 128), "") == 201)
      #expect(try await status(String(repeating: "ü", count: 129), "") == 422)
      #expect(try await status("", "x") == 422)
      #expect(try await status("a", String(repeating: "x", count: 1000)) == 201)
      #expect(try await status("a", String(repeating: "x", count: 1001)) == 413)
      #expect(try await status("a", String(repeating: "\"", count: 1000)) == 201)
      #expect(try await status("a", String(repeating: "x", count: node.http.limits.submissionBytes)) == 413)
      let login = ByteBuffer(
        string: #"{"api_key":""# + String(repeating: "x", count: node.http.limits.smallBodyBytes) + #""}"#)
      #expect(try await node.send(.post, "/account/login", login).status == 413)
      #expect(try await node.send(.post, "/account/create", login).status == 413)
    }
  }

  @Test func theLargestEntryFitsTheChain() async throws {
    try await NodeFixture.with(.routes) { node in
      let (_, token) = try await node.account()
      let largest = String(repeating: "\u{7f}", count: HTTPLimits().dataBytes)
      let reply = try await node.submit(String(repeating: "l", count: 256), largest, token)
      #expect(reply.status == 201)
      #expect(try await node.get("/data/decrypt/\(reply.text("entry_id"))", token: token).text("data") == largest)
      #expect(try await node.submit("l", largest + "x", token).status == 413)
    }
  }

  @Test func numbersOfAQueryAreBounded() async throws {
    try await NodeFixture.with(.routes) { node in
      let (_, token) = try await node.account()
      for query in [
        "limit=0", "limit=-1", "limit=101", "limit=", "limit=x", "limit=1e3", "limit=99999999999999999999", "from=-1",
        "from=x", "from=18446744073709551616",
      ] {
        #expect(try await node.get("/chain?\(query)").code == .requestInvalid, "\(query)")
      }
      for query in [
        "limit=0", "limit=101", "cursor=x", "cursor=", "cursor=1", "cursor=1-2-3", "cursor=-1", "cursor=1-4294967296",
      ] {
        #expect(try await node.get("/data/list?\(query)", token: token).code == .requestInvalid, "\(query)")
      }
      #expect(try await node.get("/chain?from=18446744073709551615&limit=100").list("blocks").isEmpty)
      #expect(try await node.get("/data/list?cursor=0-0", token: token).list("entries").isEmpty)
    }
  }

  @Test func anAccountIsMadeOfAnObjectOrOfNothing() async throws {
    try await NodeFixture.with(.routes) { node in
      for body in ["[]", "[null]", "3", "\"x\"", "null", "true"] {
        let answer = try await node.send(.post, "/account/create", ByteBuffer(string: body))
        #expect(answer.status == 422, "\(body)")
      }
      for body in ["", "{}", "{\"x\": [1]}"] {
        let answer = try await node.send(.post, "/account/create", ByteBuffer(string: body))
        #expect(answer.status == 201, "\(body)")
      }
    }
  }

  @Test func whenTooMuchIsUnderWayTheNextIsAskedToWait() async throws {
    var limits = HTTPLimits()
    limits.bodiesBytes = limits.smallBodyBytes
    try await NodeFixture.with(.routes, limits: limits) { node in
      let (_, token) = try await node.account()
      let reply = try await node.submit("a", String(repeating: "x", count: 20_000), token)
      #expect(reply.status == 503 && reply.code == .nodeBusy)
      #expect(reply.headers[.retryAfter] == "1")
      #expect(try await node.submit("a", "x", token).status == 201)
    }
  }
}
