import Chain
import GoudCore
import HTTPTypes
import TestSupport
import Testing

@testable import Node

/// What one client may not take from another by asking often.
@Suite struct RateTests {
  private static func limits(accounts: Int = 3, guesses: Int = 3, logins: Int = 3, entries: Int = 3) -> HTTPLimits {
    var limits = HTTPLimits()
    (limits.accountBurst, limits.accountsPerSecond) = (accounts, 0.001)
    (limits.guessBurst, limits.guessesPerSecond) = (guesses, 0.001)
    (limits.loginBurst, limits.loginsPerSecond) = (logins, 0.001)
    (limits.submissionBurst, limits.submissionsPerSecond) = (entries, 0.001)
    return limits
  }

  private static func proxies(_ networks: String...) -> ClientSettings {
    var settings = ClientSettings()
    settings.trustedProxies = networks.map { IPNetwork($0)! }
    return settings
  }

  private func login(_ node: NodeFixture, _ key: String) async throws -> NodeFixture.Reply {
    try await node.post("/account/login", ["api_key": key])
  }

  private func create(_ node: NodeFixture, from client: String? = nil) async throws -> NodeFixture.Reply {
    try await node.send(.post, "/account/create", headers: client.map { [.forwardedFor: $0] } ?? [:])
  }

  /// A crowd behind one address registers and guesses until nothing is left of either; who has an account comes in.
  @Test func aCrowdThatRegistersAndGuessesKeepsNobodyFromLoggingIn() async throws {
    try await NodeFixture.with(.socket, limits: Self.limits(accounts: 20, guesses: 20, logins: 100)) { node in
      let key = try await create(node).text("api_key")
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<400 {
          group.addTask {
            if number % 2 == 0 { return try await self.create(node).status }
            let wrong = number % 4 == 1 ? "guess \(number)" : APIKey().text
            return try await self.login(node, wrong).status
          }
        }
        return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
      }
      #expect(statuses == [201: 19, 401: 20, 429: 361])
      let asked = ContinuousClock.now
      let reply = try await login(node, key)
      #expect(reply.status == 200 && ContinuousClock.now - asked < .seconds(8))
      #expect(try await node.submit("a", "b", reply.text("session_token")).status == 201)
    }
  }

  @Test func aRefusalSaysHowLongToWait() async throws {
    try await NodeFixture.with(.routes, limits: Self.limits(accounts: 1)) { node in
      _ = try await create(node)
      let reply = try await create(node)
      #expect(reply.status == 429 && reply.code == .requestRate)
      #expect(Int(reply.headers[.retryAfter] ?? "") ?? 0 > 900)
      #expect(try await node.get("/health").status == 200)
    }
  }

  @Test func anAccountUsesUpItsOwnLoginsAndEntriesOnly() async throws {
    try await NodeFixture.with(.routes, limits: Self.limits()) { node in
      let (key, token) = try await node.account()
      let other = try await node.account()
      for _ in 0..<2 { #expect(try await login(node, key).status == 200) }
      #expect(try await login(node, key).status == 429)
      #expect(try await login(node, other.key).status == 200)
      for _ in 0..<3 { #expect(try await node.submit("a", "b", token).status == 201) }
      #expect(try await node.submit("a", "b", token).status == 429)
      #expect(try await node.submit("a", "b", other.token).status == 201)
    }
  }

  /// A thief who logs in again and again.
  @Test func nobodysLoginsKeepAKeyFromBeingEnded() async throws {
    try await NodeFixture.with(.routes, limits: Self.limits()) { node in
      let (key, token) = try await node.account()
      while try await login(node, key).status == 200 {}
      #expect(try await node.post("/account/revoke", ["api_key": key]).status == 200)
      #expect(try await node.get("/data/list", token: token).code == .keyRevoked)
    }
  }

  @Test func nobodyIsBelievedWhoSaysForWhomItAsks() async throws {
    try await NodeFixture.with(.socket, limits: Self.limits(accounts: 2)) { node in
      for client in ["203.0.113.1", "203.0.113.2"] { #expect(try await create(node, from: client).status == 201) }
      let third = try await create(node, from: "203.0.113.3")
      #expect(third.status == 429)
    }
  }

  @Test func behindATrustedProxyClientsAreToldApart() async throws {
    let settings = Self.proxies("127.0.0.0/8", "::1", "10.0.0.0/8")
    try await NodeFixture.with(.socket, limits: Self.limits(accounts: 2), settings: settings) { node in
      for client in ["203.0.113.1", "203.0.113.2"] {
        #expect(try await create(node, from: client).status == 201)
        // What the client has put before what the proxies know is its own word.
        let made = "198.51.100.\(Int.random(in: 1..<255)), \(client), 10.1.2.3"
        #expect(try await create(node, from: made).status == 201)
        let third = try await create(node, from: client)
        #expect(third.status == 429)
      }
    }
  }

  @Test(arguments: [
    ("", "127.0.0.1"), ("203.0.113.9", "203.0.113.9"), ("203.0.113.9, 203.0.113.8", "203.0.113.8"),
    ("203.0.113.9,10.0.0.1 , 127.0.0.1", "203.0.113.9"), ("10.0.0.2,10.0.0.1", "10.0.0.2"),
    ("203.0.113.9:4711", "203.0.113.9"), ("[2001:db8::1]:4711", "2001:db8::1"), ("\"[2001:db8::1]\"", "2001:db8::1"),
    ("2001:db8::1", "2001:db8::1"), ("::ffff:203.0.113.9", "203.0.113.9"), ("unknown", "127.0.0.1"),
    ("203.0.113.9, _hidden, 10.0.0.1", "10.0.0.1"), (",,", "127.0.0.1"), ("1.2.3.4.5", "127.0.0.1"),
  ])
  func theClientIsTheLastAddressThatIsNoProxyOfOurs(_ field: String, _ client: String) {
    let addresses = ClientAddress(trustedProxies: ["127.0.0.1", "10.0.0.0/8"].map { IPNetwork($0)! })
    #expect(addresses.client(of: [.forwardedFor: field], from: IPAddress("127.0.0.1")!) == IPAddress(client)!)
    #expect(addresses.client(of: [.forwardedFor: field], from: IPAddress("192.0.2.1")!) == IPAddress("192.0.2.1")!)
  }

  @Test func aClientWithANetworkOfIPv6IsOneClient() throws {
    let rate = ClientRate("trials", burst: 2, perSecond: 0.001)
    let now = ContinuousClock.now
    func allowed(_ address: String) -> Bool { (try? rate.take(IPAddress(address)!, at: now)) != nil }
    #expect(allowed("2001:db8:0:1::1") && allowed("2001:db8:0:1:ffff::2"))
    #expect(!allowed("2001:db8:0:1::3"))
    // The /48 has sixteen times as much, and what was refused above has cost it nothing.
    #expect((0..<40).count { allowed("2001:db8:0:\($0 + 2)::1") } == 30)
    #expect(allowed("2001:db8:1:1::1"))
    // An address of IPv4 is a client of its own, however it came in.
    #expect(allowed("192.0.2.1") && allowed("::ffff:192.0.2.1") && !allowed("192.0.2.1") && allowed("192.0.2.2"))
  }

  @Test(arguments: [
    ["sec-fetch-site": "cross-site", "origin": "http://evil.example"], ["sec-fetch-site": "same-site"],
    ["origin": "http://evil.example"], ["origin": "null"], ["origin": "http://127.0.0.1:1"],
    ["sec-fetch-site": "CROSS-SITE"], ["sec-fetch-site": ""], ["origin": "file://"],
  ])
  func anotherSitesPageMakesNoAccount(_ fields: [String: String]) async throws {
    try await NodeFixture.with(.socket) { node in
      let before = node.chain.stored.head
      let reply = try await node.send(.post, "/account/create", headers: HTTPFields(fields))
      #expect(reply.status == 403 && reply.code == .requestForeignPage)
      #expect(node.chain.stored.head == before)
      // It may read what everybody may: its browser does not show it the answer.
      #expect(try await node.send(.get, "/health", headers: HTTPFields(fields)).status == 200)
    }
  }

  @Test func ownPagesTypedAddressesAndWhatIsNoBrowserAreServed() async throws {
    try await NodeFixture.with(.socket) { node in
      let own = "http://127.0.0.1:\(node.port)"
      for fields in [
        [:], ["sec-fetch-site": "same-origin", "origin": own], ["sec-fetch-site": "none"], ["origin": own],
        // Behind a proxy with TLS that calls this node by another name.
        ["sec-fetch-site": "same-origin", "origin": "https://goud.example"],
      ] {
        let lines = fields.map { "\($0): \($1)\r\n" }.joined()
        let port = node.port
        let answer = try await onThread {
          let connection = try RawConnection(port: port)
          connection.send(
            "POST /account/create HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(lines)Content-Length: 0\r\n"
              + "Connection: close\r\n\r\n")
          return try connection.receive()
        }
        #expect(answer.hasPrefix("HTTP/1.1 201"), "\(fields): \(answer)")
      }
    }
  }
}

extension HTTPFields {
  fileprivate init(_ fields: [String: String]) {
    self.init(fields.map { HTTPField(name: .init($0)!, value: $1) })
  }
}
