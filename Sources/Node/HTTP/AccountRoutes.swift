import Chain
import GoudCore
import Hummingbird
import Replication

extension NodeHTTP {
  var accountRoutes: [Route] {
    [
      Route("/account/create", [.post]) { try await create($0, $1) },
      Route("/account/login", [.post]) { try await login($0, $1) },
      Route("/account/logout", [.post]) { request, _ in try await logout(request) },
      Route("/account/revoke", [.post]) { try await revoke($0, $1) },
    ]
  }

  /// A new account, once its entry is acknowledged. The body says nothing; an object is passed over.
  private func create(_ request: Request, _ context: NodeContext) async throws -> Response {
    struct Anything: Decodable {
      private enum None: CodingKey {}
      /// An object, whatever it holds.
      init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: None.self) }
    }
    try admit(request, client(of: request, context))
    let (body, _) = try await reader.body(of: request, context, limit: limits.smallBodyBytes)
    if body.readableBytes > 0 { _ = try JSONBody.decode(Anything.self, from: body, nesting: limits.nesting) }
    let key = APIKey()
    let id = Identifier.random()
    let account = Account(id: id, keyHash: key.hash, created: Timestamp.now())!  // the lengths are fixed
    let place = try await service.submit(.account(account), before: .now + limits.submitTime)
    return try Answer.json(
      AccountBody(accountId: Hex.text(id), apiKey: key.text, blockNumber: place.block.height), status: .created)
  }

  /// Whether this client may make an account, now.
  private func admit(_ request: Request, _ client: IPAddress) throws {
    do {
      try registration.admit(request.headers[.authorization])
    } catch let error as GoudError where error.code == .registrationToken {
      try rates.guesses.take(client)
      throw error
    }
    try rates.registrations.take(client)
  }

  private func login(_ request: Request, _ context: NodeContext) async throws -> Response {
    let (credentials, _) = try await reader.json(
      Credentials.self, of: request, context, limit: limits.smallBodyBytes)
    let (key, account) = try await account(credentials.key, client(of: request, context))
    try rates.logins.take(account)
    let issued = try await begin(account)
    let token = try await sessions.issue(key, account: account, issued: issued)
    return try Answer.json(
      SessionBody(sessionToken: token, expiresIn: sessions.lifetime, accountId: Hex.text(account)))
  }

  /// When a session begins now: after whatever has ended the account's sessions.
  /// - Returns: seconds since 1970.
  private func begin(_ account: [UInt8]) async throws -> Int64 {
    let now = sessions.clock
    return try await read { ledger in
      guard try !ledger.isRevoked(account) else { throw GoudError.keyRevoked }
      let minute = try ledger.openMinute(of: account, at: now)
      return max(now, Int64(minute) * 60)
    }
  }

  /// Ends every session of the account, at every node that knows the entry.
  private func logout(_ request: Request) async throws -> Response {
    let session = try await session(of: request)
    let now = sessions.clock
    let minute = try await read { try $0.openMinute(of: session.account, at: now) }
    let created = max(Timestamp.now(), minute * 60_000)
    let id = Revocation.sessions(of: session.account, minute: minute)
    let place = try await end(session.account, session.key, id, "sessions ended", created)
    return try Answer.json(EndedBody(accountId: Hex.text(session.account), blockNumber: place.block.height))
  }

  /// Ends the key, and with it every session. The key itself is asked for: who has found a token cannot do this.
  private func revoke(_ request: Request, _ context: NodeContext) async throws -> Response {
    let (credentials, _) = try await reader.json(
      Credentials.self, of: request, context, limit: limits.smallBodyBytes)
    let (key, account) = try await account(credentials.key, client(of: request, context))
    try rates.revocations.take(account)
    let place = try await end(
      account, EntryKey(key, account: account), Revocation.key(of: account), "key revoked", Timestamp.now())
    return try Answer.json(EndedBody(accountId: Hex.text(account), blockNumber: place.block.height))
  }

  /// An entry like any other, sealed like any other; its id says what it means.
  private func end(
    _ account: [UInt8], _ key: EntryKey, _ id: [UInt8], _ label: String, _ created: UInt64
  ) async throws -> EntryPlace {
    let entry = SealedData(
      id: id, account: account, label: try key.seal(label.utf8, .label, entry: id),
      payload: try key.seal("".utf8, .payload, entry: id), created: created)!
    return try await service.submit(.data(entry), before: .now + limits.submitTime)
  }

  /// The account that a key opens. A wrong key is counted against who sends it; a right one never is.
  private func account(_ text: String, _ client: IPAddress) async throws -> (APIKey, [UInt8]) {
    do {
      let key = try APIKey(text)
      if let account = try await read({ try $0.account(keyHash: key.hash)?.content.id }) { return (key, account) }
      throw GoudError(
        .keyUnknown, "no account on this chain has this API key",
        hint: "an account made on another node a moment ago may not have arrived here yet")
    } catch let error as GoudError where [.keyMalformed, .keyUnknown].contains(error.code) {
      try rates.guesses.take(client)
      throw error
    }
  }

  private func client(of request: Request, _ context: NodeContext) -> IPAddress {
    clients.client(of: request.headers, from: context.peer)
  }

  /// Who a request comes from.
  /// - Throws: 401 without a good token; 403 when its account is not on this chain; 503 when that may be for the moment.
  func session(of request: Request) async throws -> Session {
    let token = try reader.token(of: request)
    // Before the look-ups: what comes meanwhile makes it another one.
    let revision = try service.ledger.revision
    return try await sessions.session(token, revision: revision) { session in
      do {
        try await read { try $0.admit(session) }
      } catch let error as GoudError where error.code == .accountUnknown {
        // A chain that is behind does not know yet who came since. Whoever has a token had an account before.
        let status = service.status
        guard !status.holdsEverything(by: session.issued, at: sessions.clock) else {
          throw error
        }
        throw GoudError(
          .nodeNotReady, "the token's account is not on this chain yet" + (status.reason.map { ": \($0)" } ?? ""),
          hint: "try again in a moment, or ask another node", cause: error)
      }
    }
  }

  /// Asks the ledger on a thread that may block.
  /// - Parameter account: whose entries are read; nil: what is read is little, or bounded otherwise.
  func read<Result: Sendable>(
    for account: [UInt8]? = nil, _ body: @escaping @Sendable (Ledger) throws -> Result
  ) async throws -> Result {
    let ledger = try service.ledger
    return try await pool.run(for: account) { try body(ledger) }
  }
}

extension GoudError {
  static let keyRevoked = GoudError(
    .keyRevoked, "this account's API key was revoked",
    hint: "create a new account; what this one has stored stays sealed")
}

extension Ledger {
  /// How far ahead of the clock an account's sessions can be ended: once for each of these minutes.
  fileprivate static let mostMinutesAhead: UInt64 = 10

  /// The first minute from `now` on, seconds since 1970, in which the account's sessions were not ended.
  /// - Throws: `request.too-many` when that is too far ahead.
  fileprivate func openMinute(of account: [UInt8], at now: Int64) throws -> UInt64 {
    let minute = UInt64(max(0, now)) / 60
    for ahead in 0..<Self.mostMinutesAhead where try !hasEnded(sessionsOf: account, minute: minute + ahead) {
      return minute + ahead
    }
    throw GoudError(
      .requestRate, "the account's sessions were ended too often", hint: "wait a minute",
      context: ["retry-after": "60"])
  }

  /// - Throws: `auth.account-unknown`, `auth.key-revoked`, `auth.session-ended`.
  fileprivate func admit(_ session: Session) throws {
    guard try account(session.account) != nil else {
      throw GoudError(
        .accountUnknown, "the token's account is not on this chain",
        hint: "the chain was restored to a height before it; create a new account")
    }
    guard try !isRevoked(session.account) else { throw GoudError.keyRevoked }
    // One that is not over yet may have been ended in any minute of its time, and by a clock that is ahead.
    let first = UInt64(max(0, session.issued)) / 60
    let last = UInt64(max(session.issued, session.expires, 0)) / 60 + Self.mostMinutesAhead
    let minutes = first...max(first, last)
    for minute in minutes where try hasEnded(sessionsOf: session.account, minute: minute) {
      throw GoudError(.sessionEnded, "the account's sessions were ended", hint: "log in again: POST /account/login")
    }
  }
}

private struct Credentials: Decodable {
  let key: String
  enum CodingKeys: String, CodingKey { case key = "api_key" }
}

private struct EndedBody: Encodable {
  let accountId: String
  let blockNumber: UInt64
}

private struct AccountBody: Encodable {
  let accountId: String
  let apiKey: String
  let blockNumber: UInt64
  let warning = "keep the API key: it is shown once, stored nowhere, and nothing opens the account's entries without it"
}

private struct SessionBody: Encodable {
  let sessionToken: String
  let expiresIn: Int64
  let accountId: String
}
