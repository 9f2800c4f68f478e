import Foundation
import GoudCore
import Hummingbird

/// Answers in JSON: one object on one line, keys in snake case and sorted, unknown fields absent; cached by nobody.
enum Answer {
  private static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return encoder
  }()

  static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    json(try encoded(value), status: status)
  }

  static func json(_ body: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
      body: .init(byteBuffer: body))
  }

  static func encoded(_ value: some Encodable) throws -> ByteBuffer {
    var body = ByteBuffer(bytes: try encoder.encode(value))
    body.writeInteger(UInt8(ascii: "\n"))
    return body
  }

  /// `{"error": {"code", "message", "hint"}}` with the status of the code (docs/scripting.md).
  static func error(_ error: GoudError) -> Response {
    Response(
      status: HTTPResponse.Status(code: error.code.httpStatus), headers: fields(error),
      body: .init(byteBuffer: body(error)))
  }

  static func body(_ error: GoudError) -> ByteBuffer {
    let fields = ErrorBody.Fields(code: error.code.rawValue, message: error.message, hint: error.hint)
    // Three texts are always encoded.
    var body = ByteBuffer(bytes: try! encoder.encode(ErrorBody(error: fields)))
    body.writeInteger(UInt8(ascii: "\n"))
    return body
  }

  private static func fields(_ error: GoudError) -> HTTPFields {
    var fields: HTTPFields = [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"]
    if let seconds = error.context["retry-after"] { fields[.retryAfter] = seconds }
    if let methods = error.context["allow"] { fields[.allow] = methods }
    if error.code.httpStatus == 401 { fields[.wwwAuthenticate] = "Bearer" }
    if error.code == .requestTimeout { fields[.connection] = "close" }
    return fields
  }
}

private struct ErrorBody: Encodable {
  struct Fields: Encodable {
    let code: String
    let message: String
    let hint: String?
  }
  let error: Fields
}

extension Response {
  /// The same answer, which keeps its share of the budget until the client has it, or it is dropped.
  func holding(_ share: BodyBudget.Share) -> Response {
    var response = self
    let body = response.body
    response.body = ResponseBody(contentLength: body.contentLength) { writer in
      try await body.write(writer)
      withExtendedLifetime(share) {}
    }
    return response
  }
}
