import Foundation
import GoudCore
import Hummingbird
import TestSupport
import Testing

@testable import Node

/// docs/openapi.json against a node: every route, method, status and field. What is sent at random is schemathesis'
/// part (`NetworkAPITests`).
@Suite struct OpenAPITests {
  private let api: OpenAPI

  init() throws { api = try OpenAPI() }

  @Test func itHasEveryRouteAndMethodAndNoOther() async throws {
    try await NodeFixture.with(.routes) { node in
      let http = node.http
      let routes = http.healthRoutes + http.metricsRoutes + http.chainRoutes + http.accountRoutes + http.dataRoutes
      let given = Set(routes.flatMap { route in route.methods.map { "\($0.rawValue) \(route.path)" } })
      #expect(api.operations == given)
      for operation in api.operations {
        let hasErrors = Set(["400", "408", "431", "500", "503"]).isSubset(of: api.statuses(operation))
        #expect(hasErrors, "\(operation): anything may be answered so")
      }
    }
  }

  @Test func everyAnswerOfTheDocumentsExamplesFitsIt() async throws {
    let text = try String(contentsOfFile: Checkout.path("docs/api.md"), encoding: .utf8)
    try await NodeFixture.with(.routes) { node in
      var known: [String: String] = [:]
      for example in Example.all(in: text) {
        let body = example.filled(example.body, known)
        var headers: HTTPFields = [:]
        for (name, value) in example.headers { headers[.init(name)!] = example.filled(value, known) }
        let reply = try await node.send(
          .init(example.method)!, example.filled(example.target, known), body.isEmpty ? nil : ByteBuffer(string: body),
          headers: headers)
        for (name, field) in ["$KEY": "api_key", "$TOKEN": "session_token", "$ENTRY": "entry_id"] {
          if let value = reply.json[field] as? String { known[name] = value }
        }
        guard reply.status != 405 else { continue }
        let faults = try api.faults(of: reply, to: "\(example.method) \(example.target.prefix { $0 != "?" })")
        #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
      }
    }
  }

  /// The limits that it names are those that hold.
  @Test func itNamesTheLimits() throws {
    let limits = HTTPLimits()
    let submission = try #require(api.schema("Submission")["properties"] as? [String: [String: Any]])
    #expect(submission["label"]?["maxLength"] as? Int == limits.labelBytes)
    #expect(submission["data"]?["maxLength"] as? Int == limits.dataBytes)
    let pages = [
      ("GET /chain", limits.chainPage, limits.chainPageDefault),
      ("GET /data/list", limits.listPage, limits.listPageDefault),
    ]
    for (operation, most, usual) in pages {
      let limit = try #require(api.parameters(operation)["limit"])
      #expect(limit["maximum"] as? Int == most && limit["default"] as? Int == usual, "\(operation)")
    }
    let conditions = NodeStatus.Condition.allCases.map(\.rawValue)
    #expect(Set(try #require(api.schema("Condition")["enum"] as? [String])) == Set(conditions))
  }

  @Test func theCheckerTellsWrongFromRight() throws {
    let head: [String: Any] = [
      "height": 1, "epoch": 2, "hash": String(repeating: "a", count: 64), "time": "2026-01-31T09:30:00.250Z",
    ]
    #expect(api.faults(of: head, "Head").isEmpty)
    for (field, wrong) in [
      "height": "1", "epoch": -1, "hash": "xyz", "time": 7, "further": 1,
    ] as [String: Any] {
      #expect(!api.faults(of: head.merging([field: wrong]) { $1 }, "Head").isEmpty, "\(field)")
      #expect(field == "further" || !api.faults(of: head.filter { $0.key != field }, "Head").isEmpty, "\(field)")
    }
    #expect(!api.faults(of: "lost", "Role").isEmpty && api.faults(of: "follower", "Role").isEmpty)
  }
}

/// The document, as far as it uses the format.
private struct OpenAPI: @unchecked Sendable {
  private let document: [String: Any]

  init() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: Checkout.path("docs/openapi.json")))
    document = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  private var paths: [String: [String: [String: Any]]] {
    document["paths"] as? [String: [String: [String: Any]]] ?? [:]
  }

  var operations: Set<String> {
    Set(paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } })
  }

  func schema(_ name: String) -> [String: Any] { resolved(["$ref": "#/components/schemas/\(name)"]) }

  func parameters(_ operation: String) -> [String: [String: Any]] {
    let list = self.operation(operation)?["parameters"] as? [[String: Any]] ?? []
    return Dictionary(
      uniqueKeysWithValues: list.map { ($0["name"] as? String ?? "", $0["schema"] as? [String: Any] ?? [:]) })
  }

  func statuses(_ operation: String) -> Set<String> {
    Set((self.operation(operation)?["responses"] as? [String: Any] ?? [:]).keys)
  }

  /// - Parameter request: method and path, with or without values in it.
  private func operation(_ request: String) -> [String: Any]? {
    let words = request.split(separator: " ").map(String.init)
    let path = paths.keys.first { Route($0) { _, _ in Response(status: .ok) }.matches(words[1]) }
    return path.flatMap { paths[$0]?[words[0].lowercased()] }
  }

  /// What of an answer is not in the document.
  func faults(of reply: NodeFixture.Reply, to request: String) throws -> [String] {
    let responses = operation(request)?["responses"] as? [String: [String: Any]] ?? [:]
    guard let response = responses["\(reply.status)"] else { return ["\(request): \(reply.status) is not in it"] }
    let content = resolved(response)["content"] as? [String: [String: Any]] ?? [:]
    let type = (reply.headers[.contentType] ?? "").prefix { $0 != ";" }
    guard let schema = content[String(type)]?["schema"] as? [String: Any] else {
      return ["\(request): \(type) is not in it"]
    }
    guard type == "application/json" else { return [] }
    return faults(of: reply.json, schema, at: request)
  }

  func faults(of value: Any, _ name: String) -> [String] { faults(of: value, schema(name), at: name) }

  private func resolved(_ value: [String: Any]) -> [String: Any] {
    guard let reference = value["$ref"] as? String else { return value }
    let found = reference.dropFirst(2).split(separator: "/").reduce(document as Any?) {
      ($0 as? [String: Any])?[String($1)]
    }
    return found as? [String: Any] ?? [:]
  }

  private func faults(of value: Any, _ schema: [String: Any], at place: String) -> [String] {
    let schema = resolved(schema)
    if let words = schema["enum"] as? [NSObject], !words.contains(value as? NSObject ?? NSNull()) {
      return ["\(place): \(value)"]
    }
    switch (schema["type"] as? String, value) {
    case ("object", let value as [String: Any]):
      let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
      let lacking = (schema["required"] as? [String] ?? []).filter { value[$0] == nil }
      return lacking.map { "\(place).\($0) is missing" }
        + value.flatMap { key, value in
          properties[key].map { faults(of: value, $0, at: "\(place).\(key)") } ?? ["\(place).\(key) is not in it"]
        }
    case ("array", let value as [Any]):
      let items = schema["items"] as? [String: Any] ?? [:]
      return value.flatMap { faults(of: $0, items, at: "\(place)[]") }
    case ("string", let value as String):
      let pattern = schema["pattern"] as? String ?? ""
      return value.range(of: pattern, options: .regularExpression) != nil || pattern.isEmpty
        ? [] : ["\(place): \(value) is not \(pattern)"]
    case ("boolean", let value as NSNumber) where isBool(value): return []
    case ("integer", let value as NSNumber) where !isBool(value) && value.doubleValue == value.doubleValue.rounded(),
      ("number", let value as NSNumber) where !isBool(value):
      return value.doubleValue >= (schema["minimum"] as? Double ?? -.infinity) ? [] : ["\(place): \(value)"]
    default: return ["\(place): \(value) is not \(schema["type"] ?? "anything")"]
    }
  }

  private func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
