import Chain
import Crypto
import GoudCore
import HTTPTypes
import Testing

@testable import Node

/// Who may make an account.
@Suite struct RegistrationTests {
  private static let token = "a token of thirty-two bytes or so"

  private static func settings(_ registration: Registration) -> ClientSettings {
    var settings = ClientSettings()
    settings.registration = registration
    return settings
  }

  private static var byToken: ClientSettings {
    settings(.token(digest: Array(SHA256.hash(data: Array(token.utf8)))))
  }

  private func create(_ node: NodeFixture, _ field: String?) async throws -> NodeFixture.Reply {
    try await node.send(.post, "/account/create", headers: field.map { [.authorization: $0] } ?? [:])
  }

  @Test func withATokenOnlyWhoShowsItMakesAnAccount() async throws {
    try await NodeFixture.with(.routes, settings: Self.byToken) { node in
      let before = node.chain.stored.head
      let wrong = [
        nil, "", "Bearer", "Bearer ", "Bearer x", "Basic \(Self.token)", Self.token, "Bearer \(Self.token)x",
        "Bearer \(Self.token.dropLast())",
      ]
      for field in wrong {
        let reply = try await create(node, field)
        #expect(reply.status == 401 && reply.code == .registrationToken, "\(field ?? "nothing")")
        #expect(reply.headers[.wwwAuthenticate] == "Bearer")
      }
      #expect(node.chain.stored.head == before)
      let created = try await create(node, "Bearer \(Self.token)")
      #expect(created.status == 201)
      #expect(try await node.post("/account/login", ["api_key": created.text("api_key")]).status == 200)
    }
  }

  @Test func whoGuessesTheTokenIsSlowedDownAndKeepsNobodyOut() async throws {
    var limits = HTTPLimits()
    (limits.guessBurst, limits.guessesPerSecond) = (5, 0.001)
    try await NodeFixture.with(.socket, limits: limits, settings: Self.byToken) { node in
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<100 { group.addTask { try await self.create(node, "Bearer guess \(number)").status } }
        return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
      }
      #expect(statuses == [401: 5, 429: 95])
      let asked = ContinuousClock.now
      #expect(try await create(node, "Bearer \(Self.token)").status == 201)
      #expect(ContinuousClock.now - asked < .seconds(8))
    }
  }

  @Test func aClosedNodeMakesNoneAndServesThoseThatAreThere() async throws {
    try await NodeFixture.with(.routes, settings: Self.settings(.closed)) { node in
      let reply = try await create(node, "Bearer \(Self.token)")
      #expect(reply.status == 403 && reply.code == .registrationClosed)
      let key = APIKey()
      let account = Account(id: Identifier.random(), keyHash: key.hash, created: 1)!
      _ = try await node.chain.submit(.account(account), before: .now + .seconds(60))
      #expect(try await node.post("/account/login", ["api_key": key.text]).status == 200)
    }
  }

  @Test func whatANodeIsToldIsOneOfThree() throws {
    #expect(try Registration(parsing: "open") == .open)
    #expect(try Registration(parsing: "closed") == .closed)
    let digest = String(repeating: "0f", count: 32)
    #expect(try Registration(parsing: "sha256:\(digest)") == .token(digest: [UInt8](repeating: 15, count: 32)))
    let wrong = [
      "", "token", "OPEN", "sha256:", "sha256:0f", digest, "sha256:\(digest)0f", "sha256:\(digest.dropLast())x",
    ]
    for text in wrong {
      #expect(throws: GoudError.self, "\(text)") { try Registration(parsing: text) }
    }
  }
}
