import Chain
import Foundation
import GoudCore
import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import Node

/// Clients that are slow, broken, or gone: each is told where it can be, none holds up the others.
@Suite struct HostileClientTests {
  /// Limits that pass quickly. Not too quickly: on a busy machine a well-behaved client must still keep within them,
  /// and its time runs from its connection on, though nobody may have looked at it for a second or two.
  private static var short: HTTPLimits {
    var limits = HTTPLimits()
    limits.requestTime = .seconds(5)
    limits.idleTime = .seconds(5)
    limits.drainTime = .milliseconds(500)
    limits.answerTime = .seconds(2)
    return limits
  }

  /// A token of a new account that no connection was used for: one that is kept would be idle for too long.
  private func token(_ node: NodeFixture, entries: Int = 0, bytes: Int = 0) async throws -> String {
    let key = APIKey()
    let account = Account(id: Identifier.random(), keyHash: key.hash, created: 1)!
    _ = try await node.chain.submit(.account(account), before: .now + .seconds(60))
    for _ in 0..<entries {
      let data = SealedData(
        id: Identifier.random(), account: account.id, label: [1], payload: [UInt8](repeating: 7, count: bytes),
        created: 2)!
      _ = try await node.chain.submit(.data(data), before: .now + .seconds(60))
    }
    return try await node.http.sessions.issue(key, account: account.id)
  }

  /// Sends `text` and returns what comes until the server closes.
  private func exchange(_ port: Int, _ text: String, finish: Bool = false) async throws -> String {
    try await onThread {
      let connection = try RawConnection(port: port)
      connection.send(text)
      if finish { connection.finish() }
      return try connection.receive()
    }
  }

  /// Whether a new client is served.
  private func serves(_ port: Int) async throws -> Bool {
    try await exchange(port, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").hasPrefix("HTTP/1.1 200")
  }

  private func code(_ answer: String) -> ErrorCode? {
    guard let body = answer.range(of: "\r\n\r\n"),
      let json = try? JSONSerialization.jsonObject(with: Data(answer[body.upperBound...].utf8)) as? [String: Any],
      let error = json["error"] as? [String: Any], let code = error["code"] as? String
    else { return nil }
    return ErrorCode(rawValue: code)
  }

  @Test func aConnectionThatSaysNothingIsClosed() async throws {
    try await NodeFixture.with(.socket, limits: Self.short) { node in
      for beginning in ["", "GET /health HT", "GET /health HTTP/1.1\r\nHost: x\r\nX: y"] {
        let answer = try await exchange(node.port, beginning)
        #expect(answer == "", "\(beginning)")
      }
    }
  }

  @Test func aHeadThatTricklesIsClosed() async throws {
    try await NodeFixture.with(.socket, limits: Self.short) { node in
      let port = node.port
      let answer = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send("GET /health HTTP/1.1\r\n")
        while connection.send("X-Slow: y\r\n") { usleep(20_000) }
        return try connection.receive()
      }
      #expect(answer == "" || answer.hasPrefix("HTTP/1.1 431"))
    }
  }

  @Test(arguments: ["Content-Length: 1000", "Transfer-Encoding: chunked"])
  func aBodyThatStopsOrTricklesIsToldThatItsTimeIsOver(_ field: String) async throws {
    try await NodeFixture.with(.socket, limits: Self.short) { node in
      let head = "POST /account/login HTTP/1.1\r\nHost: x\r\n\(field)\r\n\r\n"
      let stopped = try await exchange(node.port, head)
      #expect(stopped.hasPrefix("HTTP/1.1 408") && code(stopped) == .requestTimeout)
      #expect(stopped.lowercased().contains("connection: close"))
      let port = node.port
      let trickled = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send(head)
        while connection.send(field.hasPrefix("T") ? "1\r\n \r\n" : " ") { usleep(20_000) }
        return try connection.receive()
      }
      // The answer may be lost in the reset that sending on earns.
      #expect(trickled == "" || trickled.hasPrefix("HTTP/1.1 408"))
      #expect(try await serves(node.port))
    }
  }

  @Test func clientsThatVanishLeaveNothingBehind() async throws {
    try await NodeFixture.with(.socket) { node in
      let (_, token) = try await node.account()
      let port = node.port
      let beginnings = [
        "", "GET", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /data/submit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n",
        "POST /data/submit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 1000\r\n\r\n{\"label\":",
        "GET /chain?limit=100 HTTP/1.1\r\nHost: x\r\n\r\nGET /chain HTTP/1.1\r\nHost: x\r\n\r\n",
      ]
      for beginning in beginnings {
        for reset in [true, false] {
          try await onThread {
            let connection = try RawConnection(port: port)
            connection.send(beginning)
            if reset { connection.reset() }
          }
        }
      }
      // The client of the fixture has the one connection that stays.
      try await waitUntil("their connections to be gone") { node.http.connections.count <= 1 }
      #expect(try await node.submit("a", "b", token).status == 201)
      #expect(try await node.get("/api/metrics/prometheus").status == 200)
    }
  }

  @Test func aClientThatDoesNotTakeItsAnswerIsCutOff() async throws {
    try await NodeFixture.with(.socket, limits: Self.short) { node in
      _ = try await token(node, entries: 4, bytes: 500_000)
      let port = node.port
      let rude = try await onThread {
        let connection = try RawConnection(port: port, receiveBuffer: 4096)
        for _ in 0..<50 { connection.send("GET /chain?from=2 HTTP/1.1\r\nHost: x\r\n\r\n") }
        return connection
      }
      try await waitUntil("it to be closed") { node.http.connections.count <= 1 }
      let answers = try await onThread { try rude.receive() }
      #expect(answers.components(separatedBy: "HTTP/1.1 200").count < 50)
      #expect(try await serves(node.port))
    }
  }

  @Test func whatIsNotHTTPIsToldSo() async throws {
    try await NodeFixture.with(.socket) { node in
      let wrong = [
        "nonsense\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}", "GET /health\r\n\r\n",
        "GET /health HTTP/1.1\r\nBad Header\r\n\r\n",
        "GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        "POST /account/create HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST /account/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /account/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ]
      for text in wrong {
        let answer = try await exchange(node.port, text, finish: true)
        #expect(answer.hasPrefix("HTTP/1.1 400"), "\(text): \(answer)")
        #expect(answer.lowercased().contains("connection: close"))
        #expect(code(answer) == .requestMalformed, "\(text): \(answer)")
      }
      #expect(try await serves(node.port))
    }
  }

  @Test func aBodyThatBreaksOffOrIsNoBodyIsMalformed() async throws {
    try await NodeFixture.with(.socket) { node in
      let head = "POST /account/login HTTP/1.1\r\nHost: x\r\n"
      for text in [head + "Content-Length: 10\r\n\r\n{}", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"] {
        let answer = try await exchange(node.port, text, finish: true)
        #expect(answer.hasPrefix("HTTP/1.1 400"), "\(text): \(answer)")
      }
    }
  }

  @Test func headsBeyondTheLimitAreRefused() async throws {
    try await NodeFixture.with(.socket) { node in
      let long = String(repeating: "x", count: HTTPLimits().headBytes + 1)
      let many = (0...HTTPLimits().headFields).map { "X-\($0): y\r\n" }.joined()
      for text in [
        "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: \(long)\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\(long): x\r\n\r\n", "GET / HTTP/1.1\r\n\(many)\r\n", "GET /\(long)",
      ] {
        let answer = try await exchange(node.port, text, finish: true)
        #expect(
          answer.hasPrefix("HTTP/1.1 431") && code(answer) == .requestHeadTooLarge, "\(text.prefix(40)): \(answer)")
      }
    }
  }

  @Test func aBodyThatIsTooLongIsRefusedBeforeItIsRead() async throws {
    try await NodeFixture.with(.socket, limits: Self.short) { node in
      let token = try await token(node)
      let head = "POST /data/submit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n"
      // Announced, and never sent.
      let announced = try await exchange(node.port, head + "Content-Length: 1073741824\r\n\r\n")
      #expect(announced.hasPrefix("HTTP/1.1 413") && code(announced) == .requestTooLarge)
      // Not announced, and sent for as long as anybody takes it.
      let port = node.port
      let (sent, answer) = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send(head + "Transfer-Encoding: chunked\r\n\r\n")
        let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65536) + Array("\r\n".utf8)
        var sent = 0
        while sent < 1 << 30, connection.send(chunk) { sent += chunk.count }
        return (sent, try connection.receive())
      }
      #expect(sent < 1 << 30)
      // Too long, or too slow for this server, which gives a body little time.
      #expect(answer == "" || ["413", "408", "503"].contains { answer.hasPrefix("HTTP/1.1 \($0)") }, "\(answer)")
      #expect(try await serves(node.port))
    }
  }

  @Test func afterARefusedBodyTheConnectionGoesOn() async throws {
    try await NodeFixture.with(.socket) { node in
      let body = String(repeating: "x", count: 40_000)
      let text =
        "POST /account/login HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        + "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      let answer = try await exchange(node.port, text)
      #expect(answer.hasPrefix("HTTP/1.1 413") && answer.contains("HTTP/1.1 200"))
    }
  }

  @Test func requestsSentAheadAreAnsweredInOrder() async throws {
    try await NodeFixture.with(.socket) { node in
      let paths = ["/health", "/nothing", "/chain", "/health/live", "/peers"]
      let text = paths.map { "GET \($0) HTTP/1.1\r\nHost: x\r\n\($0 == "/peers" ? "Connection: close\r\n" : "")\r\n" }
        .joined()
      let answer = try await exchange(node.port, text)
      let statuses = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
      #expect(statuses == ["200", "404", "200", "200", "200"])
      #expect(answer.contains("\"live\":true}\nHTTP/1.1 200"))
    }
  }

  @Test func aFullHouseMakesRoomForWhoeverAsks() async throws {
    var limits = HTTPLimits()
    limits.connections = 8
    try await NodeFixture.with(.socket, limits: limits) { node in
      let port = node.port
      let silent = try await onThread {
        try (0..<20).map { number in
          let connection = try RawConnection(port: port)
          connection.send(
            number.isMultiple(of: 2) ? "" : "POST /account/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
          return connection
        }
      }
      for _ in 0..<5 {
        let answer = try await exchange(port, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200"))
      }
      // One more may have been let in while another one's answer was on its way.
      try await waitUntil("room") { node.http.connections.count <= 8 }
      withExtendedLifetime(silent) {}
    }
  }

  @Test func readsThatFindNoPlaceAreAskedToWait() async throws {
    var limits = HTTPLimits()
    limits.readers = 1
    limits.waitingReads = 0
    try await NodeFixture.with(.socket, limits: limits) { node in
      let gate = Gate()
      async let held = node.http.pool.run { gate.pass(1) }
      try await waitUntil("the reader to be busy") { node.http.pool.calls == 1 }
      let reply = try await node.get("/chain")
      #expect(reply.status == 503 && reply.code == .nodeBusy && reply.headers[.retryAfter] == "1")
      #expect(try await serves(node.port))
      gate.open()
      #expect(try await held == 1)
      #expect(try await node.get("/chain").status == 200)
    }
  }

  @Test func thousandsOfRandomBytesDoNoHarm() async throws {
    try await NodeFixture.with(.socket, limits: Self.short) { node in
      var random = SystemRandomNumberGenerator()
      let seed = ProcessInfo.processInfo.environment["GOUD_TORTURE_SEED"].flatMap { UInt64($0) } ?? random.next()
      var generator = SplitMix(state: seed)
      let valid = Array(
        "POST /account/login HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{\"api_key\":\"goud_00\"}".utf8)
      for _ in 0..<100 {
        var bytes = valid
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
          let place = Int.random(in: 0..<bytes.count, using: &generator)
          switch Int.random(in: 0..<3, using: &generator) {
          case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
          case 1: bytes.remove(at: place)
          default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
          }
        }
        let port = node.port
        let answer = try await onThread { [bytes] in
          let connection = try RawConnection(port: port)
          connection.send(bytes)
          connection.finish()
          return try connection.receive()
        }
        #expect(answer == "" || answer.hasPrefix("HTTP/1.1 4"), "seed \(seed): \(answer)")
      }
      #expect(try await serves(node.port))
    }
  }
}

/// Numbers that follow from a seed.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
