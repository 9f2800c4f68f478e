import Foundation
import GoudCore
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// Whom the manager's page answers: whoever names it by an address, as `localhost` or by a name that the operator has
/// given it (`MANAGER_HOSTS`). A name that somebody else can bind to this machine's address would let a page of his read
/// what a browser beside it can reach.
struct PageGate<Context: RequestContext>: RouterMiddleware {
  private let names: Set<String>

  init(names: [String]) { self.names = Set(names + ["localhost"]) }

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    guard let text = request.head.authority, let host = WebHost(text), request.headers[values: .host].isEmpty else {
      throw GoudError(
        .requestMalformed, "the request does not say once whom it is for",
        hint: "send one field Host, with a name or an address")
    }
    guard host.isAddress || names.contains(host.host) else {
      throw GoudError(
        .requestForeignHost, "this manager does not go by that name",
        hint: "use its address or localhost, or name it in MANAGER_HOSTS")
    }
    guard !WebPage.isForeign(site: request.headers[values: .site], origin: request.headers[values: .origin], host: host)
    else {
      throw GoudError(
        .requestForeignPage, "the request comes from a page of another site", hint: "type the address into the browser")
    }
    return try await next(request, context)
  }
}

extension HTTPField.Name {
  /// The first one is the request's authority; this is what is left of them.
  fileprivate static let host = Self("Host")!
  fileprivate static let site = Self("Sec-Fetch-Site")!
}

/// A request whose target names a host (`GET http://name/path`) is for that one, whatever its `Host` says.
final class TargetHost: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart

  /// Stands where the router's handlers are put, and puts `TargetHost` where the target is still as it came.
  final class Placement: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func handlerAdded(context: ChannelHandlerContext) {
      let pipeline = context.pipeline.syncOperations
      do {
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(TargetHost(), position: .after(decoder))
      } catch {
        context.close(promise: nil)
      }
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data), !head.uri.hasPrefix("/"), head.uri != "*" else {
      return context.fireChannelRead(data)
    }
    let rest = head.uri.range(of: "://").map { head.uri[$0.upperBound...] } ?? head.uri[...]
    head.headers.replaceOrAdd(name: "Host", value: String(rest.prefix { !"/?#".contains($0) }))
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }
}
