import AsyncHTTPClient
import Foundation
import GoudCore
import NIOCore
import NIOHTTP1

/// Asks one rclone, and says in Goud's errors what it answers. rclone asks the store up to five times where it is busy or
/// away, with pauses that grow; so one call may take minutes.
struct RcloneClient: Sendable {
  /// As the user names the store.
  let location: String
  let process: RcloneProcess
  let cancellation: Cancellation
  static let http = HTTPClient(eventLoopGroupProvider: .singleton)

  func call<Answer: Decodable & Sendable>(
    _ path: String, _ input: some Encodable, about name: String? = nil
  ) throws -> Answer {
    let request = try post(path, input)
    return try Awaiting.result(of: { try await answer(request, name, timeout: .minutes(10)) }, cancellation)
  }

  /// Goes on when the run is asked to stop, for a minute; several at a time.
  /// - Returns: what went wrong first. All were tried.
  func clean(_ path: String, _ inputs: [(name: String, place: Place)], atOnce: Int) throws -> (any Error)? {
    let requests = try inputs.map { ($0.name, try post(path, $0.place)) }
    return try Awaiting.result(of: {
      await withTaskGroup(of: (any Error)?.self) { group in
        var failure: (any Error)?
        for (number, (name, request)) in requests.enumerated() {
          if number >= atOnce, let ended = await group.next() { failure = failure ?? ended }
          group.addTask {
            do {
              let _: Nothing = try await answer(request, name, timeout: .minutes(1))
              return nil
            } catch let error as GoudError where error.code == .blobNotFound {
              return nil
            } catch { return error }
          }
        }
        for await ended in group { failure = failure ?? ended }
        return failure
      }
    })
  }

  private func post(_ path: String, _ input: some Encodable) throws -> HTTPClientRequest {
    var request = request(path)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(input)))
    return request
  }

  private func answer<Answer: Decodable>(
    _ request: HTTPClientRequest, _ name: String?, timeout: TimeAmount
  ) async throws -> Answer {
    let place = name.map { "\(location)/\($0)" } ?? location
    do {
      let response = try await Self.http.execute(request, timeout: timeout)
      let body = try await response.body.collect(upTo: 1 << 30)
      guard response.status == .ok else {
        throw RcloneFault.error(String(buffer: body), Int(response.status.code), place)
      }
      return try JSONDecoder().decode(Answer.self, from: Data(body.readableBytesView))
    } catch let error as HTTPClientError {
      throw cancellation.isCancelled ? error : RcloneFault.error("\(error)", 0, place)
    }
  }

  func request(_ path: String, query: [String: String] = [:]) -> HTTPClientRequest {
    let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "/._-~"))
    let encode = { (text: String) in text.addingPercentEncoding(withAllowedCharacters: allowed)! }
    let tail = query.map { "\($0.key)=\(encode($0.value))" }.joined(separator: "&")
    var request = HTTPClientRequest(url: "\(process.url)/\(encode(path))\(tail.isEmpty ? "" : "?\(tail)")")
    request.headers.add(name: "Authorization", value: process.authorization)
    return request
  }
}
