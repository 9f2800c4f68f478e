import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// One client with an account of its own, at one node; when that is away, at the next.
struct Client {
  let urls: [String]
  let number: Int
  let bytes: Int
  let tally: Tally
  let record: Record?
  private let filler: String

  init(urls: [String], number: Int, bytes: Int, tally: Tally, record: Record?) {
    self.urls = urls
    self.number = number
    self.bytes = bytes
    self.tally = tally
    self.record = record
    filler = String(repeating: "x", count: bytes)
  }

  /// Submits until `isOver`.
  func submit(until isOver: () -> Bool) async {
    var turn = number
    var session: Session?
    while !isOver() {
      let url = urls[turn % urls.count]
      do {
        let open: Session
        if let session { open = session } else { open = try await Session.create(at: url) }
        session = open
        try await submit(open, at: url)
      } catch let answer as Answer where answer.status == 401 {
        session = session.flatMap { $0.withoutToken }
        if let key = session?.key { session = try? await Session.login(key, at: url) }
      } catch {
        tally.add(Self.outcome(of: error))
        if !(error is Answer) { turn += 1 }
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  private func submit(_ session: Session, at url: String) async throws {
    // Unlike any other, and as long as it is to be.
    let mark = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
    let data = mark + filler.prefix(max(0, bytes - mark.count))
    let begin = ContinuousClock.now
    let answer = try await API.post(
      "\(url)/data/submit", ["label": "load", "data": data], token: session.token)
    let time = (ContinuousClock.now - begin) / .milliseconds(1)
    guard let entry = answer["entry_id"] as? String, let block = answer["block_number"] as? Int else {
      throw Answer(status: 200, code: "no entry id")
    }
    record?.add(.init(entry: entry, key: session.key, block: UInt64(block), data: mark))
    tally.add(.acknowledged(time))
  }

  private static func outcome(of error: any Error) -> Tally.Outcome {
    guard let answer = error as? Answer else { return .broken }
    switch answer.status {
    case 503, 507, 429: return .refused
    case 504: return .unknown
    default: return .failed("\(answer.status) \(answer.code)")
    }
  }
}

/// An account and its token.
struct Session: Sendable {
  let key: String
  let token: String

  var withoutToken: Session { Session(key: key, token: "") }

  static func create(at url: String) async throws -> Session {
    let account = try await API.post("\(url)/account/create", [:], token: nil)
    return try await login(account["api_key"] as? String ?? "", at: url)
  }

  static func login(_ key: String, at url: String) async throws -> Session {
    let login = try await API.post("\(url)/account/login", ["api_key": key], token: nil)
    return Session(key: key, token: login["session_token"] as? String ?? "")
  }
}

/// An answer that is no success.
struct Answer: Error {
  let status: Int
  let code: String
}

enum API {
  private static let http: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
    configuration.timeout.connect = .seconds(2)
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  static func post(_ url: String, _ fields: [String: String], token: String?) async throws -> [String: Any] {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(fields)))
    return try await execute(request, token)
  }

  static func get(_ url: String, token: String? = nil) async throws -> [String: Any] {
    try await execute(HTTPClientRequest(url: url), token)
  }

  /// Asks again, for half a minute, while nobody answers or the node is busy: for what changes nothing.
  static func insist<Value>(_ ask: () async throws -> Value) async throws -> Value {
    let end = ContinuousClock.now + .seconds(30)
    while true {
      do {
        return try await ask()
      } catch {
        if let answer = error as? Answer, ![429, 503].contains(answer.status) { throw error }
        guard ContinuousClock.now < end else { throw error }
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private static func execute(_ request: HTTPClientRequest, _ token: String?) async throws -> [String: Any] {
    var request = request
    if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
    let response = try await http.execute(request, timeout: .seconds(30))
    let body = try await response.body.collect(upTo: 16 << 20)
    let object = (try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any]) ?? [:]
    guard (200..<300).contains(response.status.code) else {
      let error = object["error"] as? [String: Any]
      throw Answer(status: Int(response.status.code), code: error?["code"] as? String ?? "")
    }
    return object
  }
}
