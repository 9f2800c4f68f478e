import Foundation
import GoudCore
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import TestSupport
import Testing

@testable import Node

/// A node alone, asked over its routes without a socket, or over a live server.
struct NodeFixture: Sendable {
  enum Way: CaseIterable, CustomTestStringConvertible {
    case routes, socket

    var setup: TestingSetup { self == .routes ? .router : .live }
    var testDescription: String { self == .routes ? "without a socket" : "over a live server" }
  }

  let chain: SingleNodeChain
  let http: NodeHTTP
  let volume: String
  let client: any TestClientProtocol

  /// The port of the live server.
  var port: Int { client.port! }

  /// Runs `body` with a node of its own, which is gone afterwards.
  static func with(
    _ way: Way, limits: HTTPLimits = HTTPLimits(), settings: ClientSettings = ClientSettings(),
    secrets: NodeSecrets? = nil,
    _ body: @Sendable (NodeFixture) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { volume in
      let chain = try SingleNodeChain(volume: volume)
      let secrets = try secrets ?? NodeSecrets(volume: volume, environment: [:])
      let http = await NodeHTTP(
        service: chain, volume: volume, secrets: secrets, settings: settings, limits: limits)
      var logger = Logger(label: "test")
      logger.logLevel = .critical
      let application = http.application(address: .hostname("127.0.0.1", port: 0), logger: logger)
      try await application.test(way.setup) { client in
        try await body(NodeFixture(chain: chain, http: http, volume: volume, client: client))
      }
    }
  }

  /// What came back. An error's code must be one of the table, and have the status that the table says.
  struct Reply: Sendable {
    let status: Int
    let headers: HTTPFields
    let body: ByteBuffer

    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body.readableBytesView))) as? [String: Any] ?? [:]
    }
    var error: [String: Any]? { json["error"] as? [String: Any] }
    var code: ErrorCode? { (error?["code"] as? String).flatMap(ErrorCode.init) }

    func text(_ field: String) -> String { json[field] as? String ?? "" }
    func number(_ field: String) -> Int? { json[field] as? Int }
    func list(_ field: String) -> [[String: Any]] { json[field] as? [[String: Any]] ?? [] }
  }

  func send(
    _ method: HTTPRequest.Method, _ uri: String, _ body: ByteBuffer? = nil, token: String? = nil,
    headers: HTTPFields = [:], location: SourceLocation = #_sourceLocation
  ) async throws -> Reply {
    var headers = headers
    if let token { headers[.authorization] = "Bearer \(token)" }
    let response = try await client.execute(uri: uri, method: method, headers: headers, body: body)
    let reply = Reply(status: response.status.code, headers: response.headers, body: response.body)
    if reply.status >= 400 && method != .head && reply.json["ready"] == nil {
      #expect(reply.code?.httpStatus == reply.status, "\(reply.status) \(reply.json)", sourceLocation: location)
      #expect(reply.error?["message"] as? String != "", sourceLocation: location)
    }
    return reply
  }

  func get(_ uri: String, token: String? = nil) async throws -> Reply { try await send(.get, uri, token: token) }

  func post(_ uri: String, _ fields: [String: String], token: String? = nil) async throws -> Reply {
    try await send(
      .post, uri, ByteBuffer(data: try JSONEncoder().encode(fields)), token: token,
      headers: [.contentType: "application/json"])
  }

  /// A new account's key and a token of it.
  func account() async throws -> (key: String, token: String) {
    let created = try await send(.post, "/account/create")
    try #require(created.status == 201)
    let login = try await post("/account/login", ["api_key": created.text("api_key")])
    try #require(login.status == 200)
    return (created.text("api_key"), login.text("session_token"))
  }

  func submit(_ label: String, _ data: String, _ token: String) async throws -> Reply {
    try await post("/data/submit", ["label": label, "data": data], token: token)
  }
}

extension ByteBuffer {
  init(data: Data) { self.init(bytes: data) }
}
