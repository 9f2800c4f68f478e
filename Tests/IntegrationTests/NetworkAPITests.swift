import Foundation
import GoudCore
import TestSupport
import Testing

/// A real node's API, asked whatever docs/openapi.json allows and much that it does not, and over TLS.
@Suite(.serialized) struct NetworkAPITests {
  private struct Session: Decodable {
    let token: String
    enum CodingKeys: String, CodingKey { case token = "session_token" }
  }

  private struct Account: Decodable {
    let key: String
    enum CodingKeys: String, CodingKey { case key = "api_key" }
  }

  private func post<Answer: Decodable>(_ url: String, _ body: String, as _: Answer.Type) async throws -> Answer {
    let finished = try await Programs.run(
      "curl", ["-sS", "-m", "20", "-X", "POST", "-H", "Content-Type: application/json", "-d", body, url])
    return try JSONDecoder().decode(Answer.self, from: Data(finished.output.utf8))
  }

  @Test func aNodeAnswersAsItsDocumentSays() async throws {
    try await NetworkFixture.with(nodes: 1) { network in
      let url = network.urls[0]
      let account = try await post("\(url)/account/create", "{}", as: Account.self)
      let session = try await post("\(url)/account/login", "{\"api_key\": \"\(account.key)\"}", as: Session.self)
      let tools = Checkout.path(".build-tools/api")
      let tried = try await Programs.run(
        "python3",
        [
          "\(tools)/bin/schemathesis", "--config-file", Checkout.path("Tests/IntegrationTests/schemathesis.toml"),
          "run", Checkout.path("docs/openapi.json"), "--url", url, "-H", "Authorization: Bearer \(session.token)",
          // It would end the session that everything else is asked with.
          "--exclude-path", "/account/logout", "--seed", "15", "--no-color",
        ],
        environment: ["PYTHONPATH": tools], in: network.fixture.root)
      #expect(tried.status == 0, "\(tried.output) \(tried.errors)")
      #expect(try await network.get("\(url)/health").status == 200)
      #expect(try await network.status().node("node1").restarts == 0)
    }
  }

  @Test func aNetworkServesItsClientsOverTLS() async throws {
    try await withTemporaryDirectory { root in
      let (certificate, key) = ("\(root)/node.pem", "\(root)/node.key")
      let made = try await Programs.run(
        "openssl",
        [
          "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=one", "-addext", "subjectAltName=IP:127.0.0.1",
          "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", key, "-out", certificate,
        ])
      try #require(made.status == 0, "\(made.errors)")
      // Root's nodes are somebody else, who has to get there, and to read the key.
      for words in [["chmod", "a+x", root], ["chown", "10001", key, certificate]] {
        try #require(try await Programs.run(words[0], Array(words.dropFirst())).status == 0)
      }
      let settings = ["TLS_CERTIFICATE": certificate, "TLS_KEY": key]
      try await NetworkFixture.with(nodes: 3, settings: settings) { network in
        let port = network.ports.http
        let asked = try await Programs.run(
          "curl", ["-sS", "-m", "20", "--cacert", certificate, "https://127.0.0.1:\(port)/health"])
        #expect(asked.output.contains("\"healthy\""), "\(asked.errors)")
        #expect(try await network.get("http://127.0.0.1:\(port)/health").status == 0)
        #expect(try await network.get("\(network.manager)/health").body.contains("\"healthy\""))
        let metrics = try await network.get("\(network.manager)/api/metrics/prometheus").body
        #expect(metrics.contains("goud_node_ready{node=\"node3\"} 1"))
        let shown = try await network.goud("network", "status")
        #expect(shown.output.contains("https://127.0.0.1:\(port)"), "\(shown.output)")
        let health = try await network.goud("node", "health", "--http", "127.0.0.1:\(port)", "--tls")
        #expect(health.status == 0 && health.output == "healthy\n", "\(health.errors)")
        #expect(try await network.goud("node", "health", "--http", "127.0.0.1:\(port)").status == 14)
        // The manager keeps connections, and no farewell of theirs is waited for.
        let begin = ContinuousClock.now
        #expect(try await network.goud("network", "stop", "node3").status == 0)
        #expect(ContinuousClock.now - begin < .seconds(4))
      }
      for (name, value) in [("TLS_KEY", certificate), ("TLS_CERTIFICATE", "\(root)/none"), ("TLS_KEY", "")] {
        try await NetworkFixture.with(
          nodes: 1, started: false, settings: settings.merging([name: value]) { $1 }
        ) { network in
          let refused = try await network.goud("network", "start")
          #expect(refused.status == 1 && refused.errors.contains(name), "\(refused.errors)")
          #expect(try await network.processes().isEmpty)
        }
      }
    }
  }
}
