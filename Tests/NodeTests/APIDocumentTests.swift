import Foundation
import GoudCore
import Hummingbird
import TestSupport
import Testing

@testable import Node

/// docs/api.md against a node: every example, every metric, every limit, every error.
@Suite struct APIDocumentTests {
  private let text: String

  init() throws { text = try String(contentsOfFile: Checkout.path("docs/api.md"), encoding: .utf8) }

  @Test(arguments: NodeFixture.Way.allCases)
  func everyExampleIsAnsweredAsItSays(_ way: NodeFixture.Way) async throws {
    let examples = Example.all(in: text)
    try await NodeFixture.with(way) { node in
      var known: [String: String] = [:]
      for example in examples {
        let body = example.filled(example.body, known)
        var headers: HTTPFields = [:]
        for (name, value) in example.headers { headers[.init(name)!] = example.filled(value, known) }
        let reply = try await node.send(
          .init(example.method)!, example.filled(example.target, known), body.isEmpty ? nil : ByteBuffer(string: body),
          headers: headers)
        #expect(reply.status == example.status, "\(example.target)")
        if example.answer.hasPrefix("{") {
          let shown = try JSONSerialization.jsonObject(with: Data(example.answer.utf8))
          let differences = Shape.differences(of: reply.json, from: shown, at: example.target)
          #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        }
        for (name, field) in ["$KEY": "api_key", "$TOKEN": "session_token", "$ENTRY": "entry_id"] {
          if let value = reply.json[field] as? String { known[name] = value }
        }
      }
    }
  }

  @Test func everyRouteHasAnExample() async throws {
    let examples = Example.all(in: text)
    try await NodeFixture.with(.routes) { node in
      let http = node.http
      for route in http.healthRoutes + http.metricsRoutes + http.chainRoutes + http.accountRoutes + http.dataRoutes {
        let found = examples.filter {
          route.matches(String($0.target.prefix { $0 != "?" })) && route.methods.map(\.rawValue).contains($0.method)
        }
        #expect(!found.isEmpty, "\(route.path)")
      }
    }
  }

  @Test func everyMetricIsInTheTableWithItsType() async throws {
    let rows = self.rows("metric").map { "\($0[0]) \($0[1])" }
    try await NodeFixture.with(.routes) { node in
      let lines = String(buffer: try await node.get("/api/metrics/prometheus").body).split(separator: "\n")
      let given = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.dropFirst(7) }.map(String.init)
      #expect(rows == given, "the table should have, in this order:\n\(given.joined(separator: "\n"))")
    }
  }

  @Test func everyLimitIsInTheTable() {
    let expected = Self.limits(HTTPLimits())
    let part = text.components(separatedBy: "## Limits").last ?? ""
    #expect(
      part.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map(String.init) == expected,
      "the table should read:\n\(expected.joined(separator: "\n"))")
  }

  private static func limits(_ limits: HTTPLimits) -> [String] {
    func seconds(_ time: Duration) -> String { "\(time.components.seconds) s" }
    return [
      "| `data` of an entry | \(limits.dataBytes) bytes of UTF-8 | 413 |",
      "| `label` of an entry | \(limits.labelBytes) bytes of UTF-8, at least 1 | 422 |",
      "| body of a submission | \(limits.submissionBytes) bytes | 413 |",
      "| any other body | \(limits.smallBodyBytes) bytes | 413 |",
      "| arrays and objects within each other | \(limits.nesting) | 400 |",
      "| request line and header fields | \(limits.headBytes) bytes, \(limits.headFields) fields | 431 |",
      "| blocks of a page | \(limits.chainPage) (default \(limits.chainPageDefault)), \(limits.chainPageBytes) bytes encoded | 422 |",
      "| entries of a page | \(limits.listPage) (default \(limits.listPageDefault)) | 422 |",
      "| from a request's first byte to its last | \(seconds(limits.requestTime)) | 408 |",
      "| from a submission to its acknowledgement | \(seconds(limits.submitTime)) | 504 |",
      "| from a request's last byte until its answer's last is taken | \(seconds(limits.answerTime)) | closed |",
      "| between two requests of a connection | \(seconds(limits.idleTime)) | closed |",
      "| connections | \(limits.connections), or what the limit of open files leaves | another one is closed |",
      "| reads of the ledger under way, and waiting | \(limits.readers), \(limits.waitingReads) | 503 |",
      "| bodies and large answers held at once | \(limits.bodiesBytes >> 20) MiB | 503 |",
      "| new accounts from one address | \(limits.accountBurst) at once, \(Int(limits.accountsPerSecond)) a second | 429 |",
      "| wrong keys from one address | \(limits.guessBurst) at once, \(Int(limits.guessesPerSecond)) a second | 429 |",
      "| logins of one account | \(limits.loginBurst) at once, \(Int(limits.loginsPerSecond)) a second | 429 |",
      "| entries of one account | \(limits.submissionBurst) at once, \(Int(limits.submissionsPerSecond)) a second | 429 |",
      "| a session token | \(limits.sessionSeconds) s | 401 |",
    ]
  }

  @Test func everyErrorIsInTheTableWithItsStatus() {
    let rows = self.rows("HTTP")
    for row in rows { #expect(ErrorCode(rawValue: row[1])?.httpStatus == Int(row[0]), "\(row[1])") }
    let areas = ["request.", "auth.", "entry.", "node."]
    // What a start of a node, or the manager, says.
    let others: [ErrorCode] = [.portInUse, .requestForeignHost]
    let missing = ErrorCode.allCases.filter { code in
      !others.contains(code) && areas.contains { code.rawValue.hasPrefix($0) }
        && !rows.contains { $0[1] == code.rawValue }
    }
    #expect(missing.isEmpty)
  }

  /// The cells of the table whose first heading this is, without their backticks.
  private func rows(_ heading: String) -> [[String]] {
    let table = text.components(separatedBy: "\n| \(heading) |").dropFirst().last { $0.contains("| `") } ?? ""
    return table.components(separatedBy: "\n\n")[0].split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
    }
  }
}

/// A request and its answer, as a block marked `http` shows them.
struct Example: Sendable {
  let method: String
  let target: String
  let headers: [(String, String)]
  let body: String
  let status: Int
  let answer: String

  static func all(in text: String) -> [Example] {
    text.components(separatedBy: "\n```http\n").dropFirst().compactMap {
      Example($0.components(separatedBy: "\n```")[0])
    }
  }

  private init?(_ block: String) {
    let halves = block.components(separatedBy: "\nHTTP/1.1 ")
    let request = halves[0].components(separatedBy: "\n\n")
    let lines = request[0].components(separatedBy: "\n").filter { !$0.isEmpty }
    let words = lines[0].split(separator: " ")
    guard halves.count == 2, words.count == 3, let status = Int(halves[1].prefix(3)) else { return nil }
    method = String(words[0])
    target = String(words[1])
    headers = lines.dropFirst().map { line in
      let parts = line.components(separatedBy: ": ")
      return (parts[0], parts[1])
    }
    body = request.dropFirst().joined(separator: "\n\n").trimmingCharacters(in: .whitespacesAndNewlines)
    self.status = status
    answer = halves[1].components(separatedBy: "\n\n").dropFirst().joined(separator: "\n\n")
  }

  func filled(_ text: String, _ known: [String: String]) -> String {
    known.reduce(text) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
  }
}

/// Which fields a JSON value has, and of what types.
private enum Shape {
  /// What the document says may be absent.
  private static let optional: Set<String> = [
    "acknowledged", "address", "chain_id", "head", "hint", "id", "lag", "latest_block", "next", "next_cursor", "note",
    "reason", "schema_version", "standing",
  ]

  static func differences(of given: Any, from shown: Any, at place: String) -> [String] {
    switch (given, shown) {
    case (let given as [String: Any], let shown as [String: Any]):
      let lacking = shown.keys.filter { given[$0] == nil && !optional.contains($0) }.map {
        "\(place).\($0) is not given"
      }
      return lacking
        + given.flatMap { key, value in
          shown[key].map { differences(of: value, from: $0, at: "\(place).\(key)") } ?? ["\(place).\(key) is not shown"]
        }
    case (let given as [Any], let shown as [Any]):
      guard let first = given.first, let example = shown.first else { return [] }
      return differences(of: first, from: example, at: "\(place)[0]")
    case (is String, is String): return []
    case (let given as NSNumber, let shown as NSNumber):
      return isBool(given) == isBool(shown) ? [] : ["\(place): \(given) instead of \(shown)"]
    default: return ["\(place): \(given) instead of \(shown)"]
    }
  }

  private static func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
