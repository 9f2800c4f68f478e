import Chain
import GoudCore
import Hummingbird
import Replication

extension NodeHTTP {
  var accountRoutes: [Route] {
    [
      Route("/account/create", [.post]) { try await create($0, $1) },
      Route("/account/login", [.post]) { try await login($0, $1) },
    ]
  }

  /// A new account, once its entry is acknowledged. The body says nothing; an object is passed over.
  private func create(_ request: Request, _ context: NodeContext) async throws -> Response {
    struct Anything: Decodable {
      private enum None: CodingKey {}
      /// An object, whatever it holds.
      init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: None.self) }
    }
    try accountRate.take(context.client)
    let (body, _) = try await reader.body(of: request, context, limit: limits.smallBodyBytes)
    if body.readableBytes > 0 { _ = try JSONBody.decode(Anything.self, from: body, nesting: limits.nesting) }
    let key = APIKey()
    let id = Identifier.random()
    let account = Account(id: id, keyHash: key.hash, created: Timestamp.now())!  // the lengths are fixed
    let place = try await service.submit(.account(account), before: .now + limits.submitTime)
    return try Answer.json(
      AccountBody(accountId: Hex.text(id), apiKey: key.text, blockNumber: place.block.height), status: .created)
  }

  private func login(_ request: Request, _ context: NodeContext) async throws -> Response {
    struct Credentials: Decodable {
      let key: String
      enum CodingKeys: String, CodingKey { case key = "api_key" }
    }
    try accountRate.take(context.client)
    let (credentials, _) = try await reader.json(
      Credentials.self, of: request, context, limit: limits.smallBodyBytes)
    let key = try APIKey(credentials.key)
    guard let account = try await read({ try $0.account(keyHash: key.hash)?.content.id }) else {
      throw GoudError(
        .keyUnknown, "no account on this chain has this API key",
        hint: "an account made on another node a moment ago may not have arrived here yet")
    }
    let token = try await sessions.issue(key, account: account)
    return try Answer.json(
      SessionBody(sessionToken: token, expiresIn: sessions.lifetime, accountId: Hex.text(account)))
  }

  /// Who a request comes from.
  /// - Throws: 401 without a good token; 403 when its account is not on this chain.
  func session(of request: Request) async throws -> Session {
    try await sessions.session(try reader.token(of: request)) { account in
      guard try await read({ try $0.account(account) != nil }) else {
        throw GoudError(
          .accountUnknown, "the token's account is not on this chain",
          hint: "the chain was restored to a height before it; create a new account")
      }
    }
  }

  /// Asks the ledger on a thread that may block.
  func read<Result: Sendable>(_ body: @escaping @Sendable (Ledger) throws -> Result) async throws -> Result {
    let ledger = try service.ledger
    return try await pool.run { try body(ledger) }
  }
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
