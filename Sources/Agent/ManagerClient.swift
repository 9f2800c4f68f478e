import AsyncHTTPClient
import Foundation
public import GoudCore
public import Layout
import NIOCore
import NIOHTTP1
public import Runtime

/// Talks to the manager of a home, if there is one, over its socket.
public struct ManagerClient: Sendable {
  private let home: NetworkHome

  public init(_ home: NetworkHome) { self.home = home }

  /// The manager's process; nil when none runs.
  public var manager: LockHolder? { DirectoryLock.holder(of: home.run) }

  /// - Throws: `network.not-running`.
  public func status() async throws -> NetworkStatus { try await call(.get, "/status") }

  /// Starts a node that was stopped; returns before it is healthy.
  @discardableResult
  public func start(_ node: String) async throws -> NetworkStatus { try await call(.post, "/nodes/\(node)/start") }

  /// Stops a node; its process is gone when this returns. It stays stopped until it is started again.
  @discardableResult
  public func stop(_ node: String) async throws -> NetworkStatus { try await call(.post, "/nodes/\(node)/stop") }

  /// Has a node end and start again; returns at once.
  @discardableResult
  public func restart(_ node: String) async throws -> NetworkStatus { try await call(.post, "/nodes/\(node)/restart") }

  /// Has the manager's process become the program that is installed now; returns before it has. Nodes go on.
  @discardableResult
  public func renew() async throws -> NetworkStatus { try await call(.post, "/renew") }

  /// Stops every node, then the manager.
  @discardableResult
  public func stop() async throws -> NetworkStatus { try await call(.post, "/stop") }

  private func call(_ method: Method, _ path: String) async throws -> NetworkStatus {
    let socket: ControlSocket
    do {
      socket = try ControlSocket(home)
    } catch {
      throw notRunning(error)
    }
    guard let url = URL(httpURLWithSocketPath: socket.path, uri: path) else { throw notRunning(nil) }
    var request = HTTPClientRequest(url: url.absoluteString)
    request.method = method == .get ? .GET : .POST
    let body: ByteBuffer
    let status: Int
    do {
      let response = try await HTTPClient.impatient.execute(request, timeout: .seconds(60))
      body = try await response.body.collect(upTo: 4 << 20)
      status = Int(response.status.code)
    } catch {
      throw notRunning(error)
    }
    withExtendedLifetime(socket) {}
    return try Self.decode(Data(body.readableBytesView), status)
  }

  private static func decode(_ data: Data, _ status: Int) throws -> NetworkStatus {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.dateDecodingStrategy = .iso8601
    if status == 200 { return try decoder.decode(NetworkStatus.self, from: data) }
    let fields = try decoder.decode([String: ErrorFields].self, from: data)
    throw fields["error"]?.error ?? GoudError(.internalFault, "the manager answered \(status)")
  }

  private func notRunning(_ cause: (any Error)?) -> GoudError {
    GoudError(
      .networkNotRunning, "no manager runs for \(home.path)", hint: "start the network: goud network start",
      context: ["path": home.path], cause: cause)
  }

  private enum Method { case get, post }
}
