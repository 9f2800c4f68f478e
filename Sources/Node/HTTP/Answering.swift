import GoudCore
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1
import RocksDB

/// Around every route: counts the request, and answers what went wrong in the one form that errors have.
struct Answering: RouterMiddleware {
  typealias Context = NodeContext

  let routes: [Route]
  let metrics: RequestMetrics
  let budget: BodyBudget
  let table: ConnectionTable

  /// Answers up to this size are not counted: every connection may hold one.
  private static let small = 16 << 10

  func handle(
    _ request: Request, context: NodeContext, next: (Request, NodeContext) async throws -> Response
  ) async throws -> Response {
    let begin = ContinuousClock.now
    metrics.begin()
    var context = context
    context.seat = table.seat(of: context.channel)
    let response: Response
    do {
      try CrossSite.refuse(request)
      response = try await counted(try await next(request, context), context)
    } catch {
      response = Answer.error(fault(error, request, context))
    }
    metrics.end(
      route: route(of: context), method: Self.known.contains(request.method) ? request.method.rawValue : "other",
      status: response.status.code, seconds: (ContinuousClock.now - begin).inSeconds)
    return response
  }

  /// An answer's bytes belong to its connection until they are gone.
  private func counted(_ response: Response, _ context: NodeContext) async throws -> Response {
    guard !context.counted.isSet, let bytes = response.body.contentLength, bytes > Self.small else { return response }
    return response.holding(try await budget.take(bytes, for: context.seat))
  }

  private static let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .delete, .patch, .options]

  /// The route's path; `unmatched` for what is none, so that clients cannot make up names of metrics.
  private func route(of context: NodeContext) -> String {
    context.endpointPath.flatMap { path in routes.first { $0.path == path } }?.path ?? "unmatched"
  }

  private func fault(_ error: any Error, _ request: Request, _ context: NodeContext) -> GoudError {
    let fault =
      switch error {
      case let error as GoudError: error
      case let error as HTTPParserError: GoudError(error)
      case let error as HTTPError where error.status == .notFound: unrouted(request)
      case let error as RocksDBError where error.kind == .corruption:
        GoudError(.databaseCorrupt, "the database is damaged: \(error.message)", cause: error)
      case is CancellationError: GoudError(.terminated, "the node is stopping")
      default: GoudError(.internalFault, "the node could not do this", hint: "its log says why", cause: error)
      }
    guard fault.code.httpStatus == 500 else { return fault }
    context.logger.error(
      "request failed", metadata: ["path": "\(request.uri.path)", "error": "\(fault)", "cause": "\(error)"])
    // What went wrong inside may name paths; it is for the log.
    return GoudError(fault.code, "the node could not do this", hint: "its log says why")
  }

  /// No route, or none for this method.
  private func unrouted(_ request: Request) -> GoudError {
    let allowed = routes.filter { $0.matches(request.uri.path) }.flatMap(\.allowed)
    guard !allowed.isEmpty else {
      return GoudError(.requestUnknownRoute, "there is nothing at this address", hint: "docs/api.md lists the routes")
    }
    let list = allowed.joined(separator: ", ")
    return GoudError(.requestMethod, "this address takes \(list)", context: ["allow": list])
  }
}

extension GoudError {
  init(_ fault: HTTPParserError) {
    self =
      switch fault {
      case .headerOverflow:
        GoudError(
          .requestHeadTooLarge, "the request line and header fields are too long", hint: "send fewer, or shorter")
      default:
        GoudError(.requestMalformed, "this is not HTTP/1.1", hint: "look at what your client sends", cause: fault)
      }
  }
}
