import AsyncHTTPClient
public import Foundation
import GoudCore
import NIOCore
import NIOHTTP1

#if canImport(Glibc)
  import Glibc
#endif

/// Talks to a Docker Engine, or to what answers like one (Podman), over its unix socket. Every call blocks, for
/// `patience` at most, and must not run on an event loop.
public struct EngineClient: Sendable {
  static let patience = TimeAmount.seconds(60)
  /// For what changes nothing.
  static let shortPatience = TimeAmount.seconds(20)
  public static let standardSocket = "/var/run/docker.sock"

  public let socket: String
  private let http = HTTPClient.impatient

  public init(socket: String) { self.socket = socket }

  /// The engine that `DOCKER_HOST` names, or the one of this machine.
  /// - Throws: `engine.unreachable` when it names anything but a unix socket.
  public init(variables: [String: String] = ProcessInfo.processInfo.environment) throws {
    guard let host = variables["DOCKER_HOST"], !host.isEmpty else {
      self.init(socket: Self.standardSocket)
      return
    }
    guard host.hasPrefix("unix://"), host.count > 7 else {
      throw GoudError(
        .engineUnreachable, "DOCKER_HOST is '\(host)', not a unix socket",
        hint: "set DOCKER_HOST to unix:///path/of/the/socket, or unset it")
    }
    self.init(socket: String(host.dropFirst(7)))
  }

  /// - Throws: `engine.unreachable`, `engine.permission-denied`.
  public func ping() throws { _ = try send(.GET, "/_ping") }

  /// - Returns: the answer; nil when the engine has no such thing (404).
  func get<Answer: Decodable>(_ path: String, _ type: Answer.Type = Answer.self) throws -> Answer? {
    let (status, body) = try send(.GET, path)
    guard status != 404 else { return nil }
    try Self.check(status, body, "GET \(path)")
    return try Self.decode(body, path)
  }

  /// - Parameter accepting: further statuses that are no failure: 304 when it is so already, 404, 409.
  /// - Returns: the status and the answer.
  @discardableResult
  func call(
    _ method: HTTPMethod, _ path: String, _ body: [String: Any]? = nil, accepting: Set<Int> = []
  ) throws -> (Int, Data) {
    let data = try body.map { try JSONSerialization.data(withJSONObject: $0, options: [.sortedKeys]) }
    let (status, answer) = try send(method, path, data)
    if !accepting.contains(status) { try Self.check(status, answer, "\(method.rawValue) \(path)") }
    return (status, answer)
  }

  private func send(_ method: HTTPMethod, _ path: String, _ body: Data? = nil) throws -> (Int, Data) {
    guard access(socket, R_OK | W_OK) == 0 else { throw errno == EACCES ? denied() : unreachable(nil) }
    guard let url = URL(httpURLWithSocketPath: socket, uri: path) else { throw unreachable(nil) }
    var request = try HTTPClient.Request(url: url, method: method)
    request.headers.add(name: "Host", value: "docker")
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .data(body)
    }
    let patience = method == .GET ? Self.shortPatience : Self.patience
    do {
      let response = try http.execute(request: request, deadline: .now() + patience).wait()
      return (Int(response.status.code), response.body.map { Data($0.readableBytesView) } ?? Data())
    } catch {
      throw unreachable(error)
    }
  }

  static func decode<Answer: Decodable>(
    _ body: Data, _ path: String, as type: Answer.Type = Answer.self
  ) throws -> Answer {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { EngineKey($0.last?.stringValue ?? "") }
    do {
      return try decoder.decode(Answer.self, from: body)
    } catch {
      throw GoudError(.engineFailed, "the Docker Engine's answer to \(path) cannot be understood", cause: error)
    }
  }

  private static func check(_ status: Int, _ body: Data, _ call: String) throws {
    guard status >= 400 else { return }
    let answer = try? JSONDecoder().decode(EngineRefusal.self, from: body)
    let said = (answer?.message ?? String(decoding: body.prefix(200), as: UTF8.self))
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let room = said.contains("no space left on device")
    throw GoudError(
      room ? .ioNoRoom : .engineFailed, "the Docker Engine refused \(call): \(said)",
      hint: room ? "make room where the engine keeps its data: docker system df" : "see the engine's log",
      context: ["status": "\(status)"])
  }

  private func unreachable(_ cause: (any Error)?) -> GoudError {
    GoudError(
      .engineUnreachable, "no Docker Engine answers at \(socket)",
      hint: "start it (systemctl start docker), set DOCKER_HOST, or use --runtime process", context: ["path": socket],
      cause: cause)
  }

  private func denied() -> GoudError {
    GoudError(
      .enginePermission, "no permission on the Docker Engine's socket \(socket)",
      hint: "run as root, or as a member of the group that owns the socket", context: ["path": socket])
  }
}

/// The engine's names begin with capitals, ours do not.
private struct EngineKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil

  init(_ name: String) { stringValue = name.prefix(1).lowercased() + name.dropFirst() }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
