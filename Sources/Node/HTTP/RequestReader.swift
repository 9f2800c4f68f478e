import GoudCore
import Hummingbird
import NIOCore

/// Takes requests apart, within the limits.
struct RequestReader: Sendable {
  let limits: HTTPLimits
  let budget: BodyBudget

  /// The body as `Value`, with what it takes of the budget until the answer is given.
  /// - Throws: 408, 413, 415, and what `JSONBody.decode` throws; 503 when too much is under way.
  func json<Value: Decodable>(
    _: Value.Type, of request: Request, _ context: NodeContext, limit: Int
  ) async throws -> (value: Value, share: BodyBudget.Share) {
    let (body, share) = try await body(of: request, context, limit: limit)
    return (try JSONBody.decode(Value.self, from: body, nesting: limits.nesting), share)
  }

  /// The body, at most `limit` bytes of it. What is too long by its own account is refused before it is read.
  func body(
    of request: Request, _ context: NodeContext, limit: Int
  ) async throws -> (ByteBuffer, BodyBudget.Share) {
    try checkType(request.headers[.contentType])
    let length = request.headers[.contentLength].flatMap { Int($0) } ?? limit
    guard length <= limit else { throw tooLarge(limit) }
    let share = try await budget.setAside(length, for: context.seat)
    var body = ByteBuffer()
    for try await piece in request.body {
      guard body.readableBytes + piece.readableBytes <= limit else { throw tooLarge(limit) }
      try await share.arrived(piece.readableBytes)
      body.writeImmutableBuffer(piece)
    }
    share.isWhole()
    return (body, share)
  }

  /// A number in the query.
  /// - Throws: `request.invalid` when it is none, or outside `range`.
  func number<Number: FixedWidthInteger & Sendable>(
    _ name: String, of request: Request, in range: ClosedRange<Number>, default value: Number
  ) throws -> Number {
    guard let text = request.uri.queryParameters[name[...]] else { return value }
    guard let number = Number(text), range.contains(number) else {
      throw GoudError(
        .requestInvalid, "\(name) is not a number from \(range.lowerBound) to \(range.upperBound)",
        hint: "leave it out for \(value)")
    }
    return number
  }

  /// The token of `Authorization: Bearer TOKEN`.
  func token(of request: Request) throws -> Substring {
    guard let field = request.headers[.authorization] else {
      throw GoudError(
        .tokenMissing, "this needs a session token", hint: "send Authorization: Bearer TOKEN, from POST /account/login")
    }
    let words = field.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].lowercased() == "bearer" else {
      throw GoudError(.tokenInvalid, "the Authorization field is not of the form: Bearer TOKEN")
    }
    return words[1]
  }

  /// JSON, or nothing said. A form of a web page is neither.
  private func checkType(_ type: String?) throws {
    guard let type else { return }
    let name = type.split(separator: ";").first.map { $0.trimming(while: \.isWhitespace).lowercased() } ?? ""
    guard name == "application/json" else {
      throw GoudError(
        .requestMediaType, "this takes application/json", hint: "send Content-Type: application/json")
    }
  }

  private func tooLarge(_ limit: Int) -> GoudError {
    GoudError(.requestTooLarge, "the body is larger than \(limit) bytes", hint: "send less at a time")
  }
}

extension Substring {
  fileprivate func trimming(while matches: (Character) -> Bool) -> Substring {
    var rest = drop(while: matches)
    while let last = rest.last, matches(last) { rest.removeLast() }
    return rest
  }
}
