import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Node

/// Many clients that take what they can and give nothing back: whoever comes after them is served.
@Suite(.serialized) struct CrowdTests {
  private static let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
  private static let closing = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

  /// Connections that send `text` as far as it is taken, and read nothing.
  private func crowd(_ count: Int, _ port: Int, _ text: String) async throws -> [RawConnection] {
    try await onThread {
      try (0..<count).map { _ in
        let connection = try RawConnection(port: port, receiveBuffer: 4096)
        connection.offer(text)
        return connection
      }
    }
  }

  /// What a new client hears when it asks for `path`, and after how long.
  private func ask(_ port: Int, _ path: String) async throws -> (status: String, time: Duration) {
    let request = "GET \(path) \(Self.closing)"
    let begin = ContinuousClock.now
    let answer = try await onThread {
      let connection = try RawConnection(port: port)
      connection.send(request)
      return try connection.receive()
    }
    return (String(answer.dropFirst("HTTP/1.1 ".count).prefix(3)), ContinuousClock.now - begin)
  }

  private func fill(_ node: NodeFixture, entries: Int, bytes: Int) async throws {
    let account = Account(id: Identifier.random(), keyHash: APIKey().hash, created: 1)!
    _ = try await node.chain.submit(.account(account), before: .now + .seconds(60))
    for _ in 0..<entries {
      let data = SealedData(
        id: Identifier.random(), account: account.id, label: [1], payload: [UInt8](repeating: 7, count: bytes),
        created: 2)!
      _ = try await node.chain.submit(.data(data), before: .now + .seconds(60))
    }
  }

  @Test func whoReadsNoAnswersKeepsNobodyOut() async throws {
    var limits = HTTPLimits()
    limits.connections = 64
    try await NodeFixture.with(.socket, limits: limits) { [limits] node in
      let port = node.port
      let rude = try await crowd(limits.connections, port, String(repeating: Self.health, count: 2000))
      for _ in 0..<10 {
        let (status, time) = try await ask(port, "/health")
        #expect(status == "200" && time < .seconds(8))
      }
      // Those who were let in beyond the limit have left again.
      try await waitUntil("room") { node.http.connections.count <= limits.connections }
      withExtendedLifetime(rude) {}
    }
  }

  @Test func whoReadsNoPagesDoesNotHoldTheBudget() async throws {
    try await NodeFixture.with(.socket) { node in
      try await fill(node, entries: 3, bytes: 1_000_000)
      let port = node.port
      let rude = try await crowd(
        100, port, String(repeating: "GET /chain?limit=1&from=3 HTTP/1.1\r\nHost: x\r\n\r\n", count: 40))
      try await Task.sleep(for: .milliseconds(100))
      for _ in 0..<10 {
        let (status, time) = try await ask(port, "/chain?limit=1&from=2")
        #expect(status == "200" && time < .seconds(8))
      }
      withExtendedLifetime(rude) {}
    }
  }

  /// Of bodies of 2 MB that were announced, so much comes, and then no more.
  @Test(arguments: [1, 20_000, 1_500_000]) func whoSendsNoBodyDoesNotHoldTheBudget(_ sent: Int) async throws {
    var limits = HTTPLimits()
    limits.bodiesBytes = 8 << 20
    try await NodeFixture.with(.socket, limits: limits) { node in
      let (_, token) = try await node.account()
      let head =
        "POST /data/submit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 2000000\r\n\r\n"
      let slow = try await crowd(50, node.port, head + String(repeating: "{", count: sent))
      // The connection of this client has rested for longer than anybody of the crowd is there.
      try await Task.sleep(for: .milliseconds(100))
      for _ in 0..<5 {
        let begin = ContinuousClock.now
        let reply = try await node.submit("a", String(repeating: "b", count: 900_000), token)
        #expect(reply.status == 201 && ContinuousClock.now - begin < .seconds(8))
      }
      withExtendedLifetime(slow) {}
    }
  }

  /// One byte after the other.
  @Test func whoTricklesDoesNotHoldTheBudget() async throws {
    var limits = HTTPLimits()
    limits.bodiesBytes = 8 << 20
    try await NodeFixture.with(.socket, limits: limits) { node in
      let (_, token) = try await node.account()
      let slow = try await crowd(
        50, node.port,
        "POST /data/submit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 2000000\r\n\r\n{")
      let trickle = Task {
        while !Task.isCancelled {
          try await onThread { for connection in slow { connection.offer(" ") } }
          try await Task.sleep(for: .milliseconds(10))
        }
      }
      defer { trickle.cancel() }
      for _ in 0..<5 {
        let begin = ContinuousClock.now
        let reply = try await node.submit("a", String(repeating: "b", count: 900_000), token)
        #expect(reply.status == 201 && ContinuousClock.now - begin < .seconds(8))
      }
    }
  }

  @Test func aStopWaitsForNobodyThatReadsNothing() async throws {
    let ended = Ended()
    let kept = Kept()
    try await NodeFixture.with(.socket) { node in
      try await fill(node, entries: 1, bytes: 1_000_000)
      let port = node.port
      for text in [
        String(repeating: "GET /chain?from=2 HTTP/1.1\r\nHost: x\r\n\r\n", count: 40),
        String(repeating: Self.health, count: 2000), "POST /account/login HTTP/1.1\r\nContent-Length: 9\r\n\r\n", "GET",
      ] {
        kept.connections += try await crowd(20, port, text)
      }
      try await Task.sleep(for: .milliseconds(200))
      ended.time = .now
    }
    // The time that a client has for what is left, and no more.
    #expect(ContinuousClock.now - ended.time < .seconds(20))
  }
}

private final class Ended: @unchecked Sendable { var time = ContinuousClock.now }
private final class Kept: @unchecked Sendable { var connections: [RawConnection] = [] }
