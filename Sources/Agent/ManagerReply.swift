import Foundation
import GoudCore
import HTTPTypes
import Hummingbird

/// Answers in JSON, keys in snake case and sorted; what goes wrong as `{"error": {"code", "message", "hint"}}`.
enum ManagerReply {
  static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.dateEncodingStrategy = .iso8601
    return raw(Array(try encoder.encode(value)) + [10], status: status)
  }

  /// JSON that is encoded already.
  static func raw(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
      body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  static func error(_ error: GoudError) throws -> Response {
    try json(["error": ErrorFields(error)], status: .init(code: error.code.httpStatus))
  }
}

/// An error on its way from the manager to whoever asked it.
struct ErrorFields: Codable {
  let code: String
  let message: String
  let hint: String?

  init(_ error: GoudError) {
    code = error.code.rawValue
    message = error.message
    hint = error.hint
  }

  var error: GoudError { GoudError(ErrorCode(rawValue: code) ?? .internalFault, message, hint: hint) }
}

/// Turns errors into answers.
struct ErrorAnswers<Context: RequestContext>: RouterMiddleware {
  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as GoudError {
      return try ManagerReply.error(error)
    } catch let error as HTTPError {
      let code: ErrorCode = error.status == .notFound ? .requestUnknownRoute : .requestMalformed
      return try ManagerReply.error(
        GoudError(code, "\(request.method) \(request.uri.path): \(error.status.reasonPhrase.lowercased())"))
    }
  }
}
