import Foundation
import GoudCore
import TestSupport
import Testing

/// Whom the manager of a real network answers, and what.
@Suite(.serialized) struct NetworkManagerTests {
  private static let paths = [
    "/", "/status", "/health", "/health/live", "/api/metrics", "/api/metrics/prometheus", "/nothing",
    "/nodes/node1/stop",
  ]

  /// Sends exactly these lines, and reads what comes back until the connection ends.
  private func ask(_ network: NetworkFixture, _ lines: String...) async throws -> (status: Int, text: String) {
    let script = """
      import socket, sys
      s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
      s.sendall(("\\r\\n".join(sys.argv[2:]) + "\\r\\nConnection: close\\r\\n\\r\\n").encode())
      got = b""
      while part := s.recv(65536): got += part
      sys.stdout.write(got.decode("latin1"))
      """
    let finished = try await Programs.run("python3", ["-c", script, "\(network.ports.manager)"] + lines)
    let status = finished.output.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return (try #require(status, "\(lines): \(finished.output) \(finished.errors)"), finished.output)
  }

  @Test func aForeignNameIsToldNothing() async throws {
    try await NetworkFixture.with(nodes: 1, settings: ["MANAGER_HOSTS": "Goud.example ops"]) { network in
      let chain = try #require(try await network.status().chain)
      func refused(_ path: String, _ lines: [String]) async throws {
        let answer = try await ask(network, "GET \(path) HTTP/1.1", lines.joined(separator: "\r\n"))
        #expect((400..<500).contains(answer.status), "\(path) \(lines): \(answer.text)")
        for word in [chain, String(chain.prefix(8)), "node1", network.home, "goud_"] {
          #expect(!answer.text.contains(word), "\(path) \(lines): \(answer.text)")
        }
      }
      for path in Self.paths {
        try await refused(path, ["Host: evil.example"])
        try await refused("http://evil.example\(path)", ["Host: localhost"])
      }
      for host in [
        "", "evil.example:\(network.ports.manager)", "localhost.evil.example", "127.0.0.1.evil.example",
        "[evil.example]",
        "x@localhost", "localhost:x", "localhost, evil.example", "2130706433",
      ] {
        try await refused("/status", ["Host: \(host)"])
      }
      try await refused("/status", ["X-Forwarded-Host: localhost"])
      try await refused("/status", ["Host: localhost", "Host: evil.example"])
      try await refused("/status", ["Host: evil.example", "Host: localhost"])
      for host in [
        "localhost", "LOCALHOST:\(network.ports.manager)", "localhost.", "127.0.0.1", "127.0.0.1:80", "[::1]",
        "[::1]:\(network.ports.manager)", "goud.example", "GOUD.example.:443", "ops",
      ] {
        let answer = try await ask(network, "GET /status HTTP/1.1", "Host: \(host)")
        #expect(answer.status == 200 && answer.text.contains(chain), "\(host): \(answer.text)")
      }
      #expect(try await ask(network, "GET http://localhost/status HTTP/1.1", "Host: evil.example").status == 200)
    }
  }

  @Test func anotherSitesPageIsToldNothingAndTheOwnOneEverything() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      let chain = try #require(try await network.status().chain)
      let own = "localhost:\(network.ports.manager)"
      func ask(_ fields: String...) async throws -> (status: Int, text: String) {
        try await self.ask(network, "GET /status HTTP/1.1", "Host: \(own)", fields.joined(separator: "\r\n"))
      }
      for field in [
        "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: http://evil.example", "Origin: null",
        "Origin: http://localhost:1",
      ] {
        let answer = try await ask(field)
        #expect(answer.status == 403 && !answer.text.contains(chain), "\(field): \(answer.text)")
      }
      for fields in ["Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin\r\nOrigin: http://\(own)", "Accept: */*"] {
        #expect(try await ask(fields).status == 200, "\(fields)")
      }
    }
  }
}
