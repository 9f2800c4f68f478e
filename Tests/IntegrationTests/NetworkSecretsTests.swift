import Foundation
import GoudCore
import TestSupport
import Testing

/// Secrets that are replaced while a network serves.
@Suite(.serialized) struct NetworkSecretsTests {
  private func post(_ url: String, _ fields: [String: String]) async throws -> [String: Any] {
    let body = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
    let finished = try await Programs.run(
      "curl", ["-sS", "-m", "20", "-H", "content-type: application/json", "-d", body, url])
    return try JSONSerialization.jsonObject(with: Data(finished.output.utf8)) as? [String: Any] ?? [:]
  }

  private func status(_ url: String, _ token: String) async throws -> String {
    let words = [
      "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "authorization: Bearer \(token)", "\(url)/data/list",
    ]
    return try await Programs.run("curl", words).output
  }

  @Test func rotatedSecretsEndSessionsAndNothingElse() async throws {
    try await NetworkFixture.with { network in
      let url = network.urls[0]
      let key = try #require(try await post("\(url)/account/create", [:])["api_key"] as? String)
      @Sendable func login(_ url: String) async throws -> String {
        try #require(try await post("\(url)/account/login", ["api_key": key])["session_token"] as? String)
      }
      let token = try await login(url)
      #expect(try await status(url, token) == "200")
      let before = try await network.status().nodes.map(\.pid)
      let load = try await network.underLoad(seconds: 6) {
        let rotated = try await network.goud("secrets", "rotate", "--format", "json")
        #expect(rotated.status == 0 && rotated.output.contains("session_secret"), "\(rotated.errors)")
        try await waitUntil("the old session to end") { try await status(url, token) == "401" }
        #expect(try await status(url, try await login(url)) == "200")
      }
      #expect(load.refused == 0 && load.acknowledged > 0)
      #expect(try await network.status().nodes.map(\.pid) == before, "no node was started anew")
      try await network.nothingIsLost()

      let shared = try await network.goud("secrets", "rotate", "--shared")
      #expect(shared.status == 0, "\(shared.errors)")
      try await waitUntil("a session of one node to be good at another") {
        try await status(network.urls[2], try await login(url)) == "200"
      }
    }
  }

  @Test func whatHasNoSecretsYetIsSaid() async throws {
    try await NetworkFixture.with(started: false) { network in
      try FileManager.default.createDirectory(atPath: network.home, withIntermediateDirectories: true)
      let refused = try await network.goud("secrets", "rotate")
      #expect(refused.status == 10 && refused.errors.contains("hint:"), "\(refused.errors)")
      let unknown = try await network.goud("secrets", "rotate", "--node", "node9")
      #expect(unknown.status == 10, "\(unknown.errors)")
    }
  }

  @Test func theAuthoritysPublicKeyIsShownAsMinisignTakesIt() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      let made = try await network.goud("backup", "create", "--sign", "authority")
      #expect(made.status == 0, "\(made.errors)")
      let shown = try await network.goud("secrets", "public", "authority")
      let file = "\(network.fixture.root)/authority.pub"
      try shown.output.write(toFile: file, atomically: true, encoding: .utf8)
      let checksum = try #require(try FileSystem.names(in: network.fixture.backups).first { $0.hasSuffix(".sha256") })
      let checked = try await Programs.run(
        "minisign", ["-V", "-m", "\(network.fixture.backups)/\(checksum)", "-p", file])
      let chain = try #require(try await network.status().chain)
      #expect(checked.status == 0 && checked.output.contains("chain:\(chain)"), "\(checked.output) \(checked.errors)")
    }
  }
}
