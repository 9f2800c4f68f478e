import GoudCore
import HTTPTypes
import Hummingbird

/// Refuses what a browser sends in the name of another site's page. A browser says so by itself; who is no browser says
/// nothing and is let through. Web pages of other sites cannot read answers anyhow (there is no CORS here); what is left
/// is that they must not change anything, an account made being the one change that needs no token.
enum CrossSite {
  /// - Throws: `request.foreign-page` for a request that may change something.
  static func refuse(_ request: Request) throws {
    guard request.method != .get, request.method != .head, isForeign(request) else { return }
    throw GoudError(
      .requestForeignPage, "a web page of another site asks for this",
      hint: "serve the page from this address, or ask from a server of your own")
  }

  private static func isForeign(_ request: Request) -> Bool {
    // What the browser itself has found out; a page can neither set nor forge it. `none`: the user's own doing. It
    // counts before `Origin`, which a proxy with TLS has not made fit the name by which it calls this node.
    let sites = request.headers[values: .fetchSite]
    guard sites.isEmpty else { return !sites.allSatisfy { ["same-origin", "none"].contains($0) } }
    // Older browsers, and addresses that are neither local nor TLS.
    let origins = request.headers[values: .origin]
    guard !origins.isEmpty else { return false }
    guard let host = request.head.authority.flatMap({ WebHost($0) }) else { return true }
    return WebPage.isForeign(site: [], origin: origins, host: host)
  }
}

extension HTTPField.Name {
  static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
}
