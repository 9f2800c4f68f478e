public import AsyncHTTPClient
public import Foundation
import GoudCore
public import NIOCore
import NIOHTTP1
import NIOSSL

/// Asks nodes of this machine over HTTP, or over TLS without a look at their certificates: they are asked by an address
/// that these need not name, and are told nothing. An answer takes at most `patience`, and is at most 4 MiB.
public struct NodeClient: Sendable {
  public static let patience = TimeAmount.seconds(2)
  static let most = 4 << 20

  private let http: HTTPClient

  public init(_ http: HTTPClient = .impatient) { self.http = http }

  /// - Returns: nil when nobody answers.
  public func health(_ url: String) async -> NodeHealth? {
    guard let (_, body) = try? await get(url) else { return nil }
    return try? NodeHealth.decode(body)
  }

  /// - Parameters:
  ///   - url: where the node serves clients.
  ///   - height: of an acknowledged block.
  /// - Returns: its hash in hexadecimal digits; nil when the node does not answer, or has acknowledged no such block.
  public func block(at height: UInt64, of url: String) async -> String? {
    guard let (status, body) = try? await get("\(url)/chain?from=\(height)&limit=1"), status == 200 else { return nil }
    return (try? JSONDecoder().decode(Page.self, from: body))?.blocks.first { $0.height == height }?.hash
  }

  private struct Page: Decodable {
    struct Block: Decodable {
      let height: UInt64
      let hash: String
    }
    let blocks: [Block]
  }

  /// - Returns: the status and the body.
  /// - Throws: whatever kept the answer away; `node.not-ready` when the whole of it takes longer than `patience`.
  public func get(_ url: String) async throws -> (Int, Data) {
    let answer = await within(.nanoseconds(Self.patience.nanoseconds)) { [http] () -> Result<(Int, Data), any Error> in
      do {
        let response = try await http.execute(HTTPClientRequest(url: url), timeout: Self.patience)
        let body = try await response.body.collect(upTo: Self.most)
        return .success((Int(response.status.code), Data(body.readableBytesView)))
      } catch {
        return .failure(error)
      }
    }
    guard let answer else { throw GoudError(.nodeNotReady, "\(url) was not answered in time") }
    return try answer.get()
  }
}

extension HTTPClient {
  /// Lives as long as the process. Whoever is not there is not waited for: a connection that is refused fails at once.
  public static let impatient: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.timeout.connect = .seconds(2)
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    configuration.tlsConfiguration = tls
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()
}
