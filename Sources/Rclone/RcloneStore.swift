import AsyncHTTPClient
public import BlobStore
import Foundation
import GoudCore
import NIOCore
import NIOHTTP1

/// A bucket, or whatever else rclone knows, through one rclone that lives as long as the store.
public final class RcloneStore: BlobStore {
  public let location: String
  /// `:s3:bucket`
  private let remote: String
  private let prefix: String
  private let process: RcloneProcess
  private let cancellation: Cancellation
  private static let http = HTTPClient(eventLoopGroupProvider: .singleton)

  init(
    _ text: String, remote: String, prefix: String, settings: [String: String?], cancellation: Cancellation
  ) throws {
    (location, self.remote, self.prefix, self.cancellation) = (text, remote, prefix, cancellation)
    process = try RcloneProcess(settings)
  }

  // MARK: BlobStore

  public func list() throws -> [BlobStatus] {
    do {
      let answer: Listing = try call("operations/list", ["fs": remote, "remote": prefix])
      return (answer.list ?? []).filter { !$0.isDirectory }.map(\.status).sorted { $0.name < $1.name }
    } catch let error as GoudError where error.code == .blobBucketMissing && !prefix.isEmpty {
      // A prefix that nothing has yet is an empty one, in a bucket that is there.
      let _: Listing = try call("operations/list", ["fs": remote, "remote": ""])
      return []
    }
  }

  public func status(of name: String) throws -> BlobStatus? {
    let answer: Item = try call("operations/stat", ["fs": remote, "remote": key(name)])
    guard let item = answer.item, !item.isDirectory else { return nil }
    return item.status
  }

  public func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    guard try status(of: name) == nil else { throw GoudError(.blobExists, "\(location)/\(name) is already there") }
    var request = self.request("operations/uploadfile", query: ["fs": remote, "remote": prefix])
    request.method = .POST
    return RcloneUpload(
      name, request, Self.http, cancellation, withdraw: { [self] in try delete(name) },
      fault: { [location] in RcloneFault.error($0, $1, "\(location)/\(name)") })
  }

  public func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    guard offset < blob.bytes else { return [] }
    let last = min(offset + Int64(count), blob.bytes) - 1
    var failure: (any Error)?
    for attempt in 0..<5 {
      try cancellation.check()
      if attempt > 0 {
        Thread.sleep(forTimeInterval: 0.2 * Double(1 << attempt))
        guard try status(of: blob.name) == blob else { throw changed(blob) }
      }
      do {
        return try piece(blob, offset...last)
      } catch let error as GoudError where error.code != .blobUnreachable {
        throw error
      } catch { failure = error }
    }
    throw failure as? GoudError
      ?? GoudError(
        .blobUnreachable, "\(location)/\(blob.name) cannot be read", hint: "try again later", cause: failure)
  }

  public func delete(_ name: String) throws {
    let place = ["fs": remote, "remote": key(name)]
    let answer: Item = try call("operations/stat", place, cleaningUp: true)
    guard answer.item.map({ !$0.isDirectory }) == true else { return }
    let _: Nothing = try call("operations/deletefile", place, cleaningUp: true)
  }

  // MARK: Calls

  private func key(_ name: String) -> String { prefix.isEmpty ? name : "\(prefix)/\(name)" }

  private func changed(_ blob: BlobStatus) -> GoudError {
    GoudError(.blobChanged, "\(location)/\(blob.name) changed while it was read", hint: "run it again")
  }

  /// One range of an object. What comes short is a dropped connection.
  private func piece(_ blob: BlobStatus, _ range: ClosedRange<Int64>) throws -> [UInt8] {
    var request = self.request("[\(remote)]/\(key(blob.name))")
    request.headers.add(name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound)")
    let wanted = range.count
    let place = "\(location)/\(blob.name)"
    let (bytes, whole) = try Awaiting.result(
      of: { [request] in
        let response = try await Self.http.execute(request, timeout: .minutes(10))
        let body = try await response.body.collect(upTo: max(wanted, 1 << 16))
        guard response.status == .partialContent || response.status == .ok else {
          throw RcloneFault.error(String(buffer: body), Int(response.status.code), place)
        }
        return ([UInt8](buffer: body), response.headers.first(name: "Content-Range"))
      }, cancellation)
    if let whole, !whole.hasSuffix("/\(blob.bytes)") { throw changed(blob) }
    guard bytes.count == wanted else { throw GoudError(.blobUnreachable, "\(place) came short") }
    return bytes
  }

  /// - Parameter cleaningUp: goes on when the run is asked to stop, for a minute.
  private func call<Answer: Decodable & Sendable>(
    _ path: String, _ input: [String: String], cleaningUp: Bool = false
  ) throws -> Answer {
    var request = self.request(path)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(input)))
    let place = input["remote"].flatMap { $0.isEmpty || $0 == prefix ? nil : "\(location)/\(FileSystem.name(of: $0))" }
    return try Awaiting.result(
      of: { [request, location] in
        let response = try await Self.http.execute(request, timeout: cleaningUp ? .minutes(1) : .minutes(10))
        let body = try await response.body.collect(upTo: 64 << 20)
        guard response.status == .ok else {
          throw RcloneFault.error(String(buffer: body), Int(response.status.code), place ?? location)
        }
        return try JSONDecoder().decode(Answer.self, from: Data(body.readableBytesView))
      }, cleaningUp ? nil : cancellation)
  }

  private func request(_ path: String, query: [String: String] = [:]) -> HTTPClientRequest {
    let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "/._-~"))
    let encode = { (text: String) in text.addingPercentEncoding(withAllowedCharacters: allowed)! }
    let tail = query.map { "\($0.key)=\(encode($0.value))" }.joined(separator: "&")
    var request = HTTPClientRequest(url: "\(process.url)/\(encode(path))\(tail.isEmpty ? "" : "?\(tail)")")
    request.headers.add(name: "Authorization", value: process.authorization)
    return request
  }
}

private struct Listing: Decodable, Sendable {
  let list: [Found]?
}

private struct Item: Decodable, Sendable {
  let item: Found?
}

private struct Nothing: Decodable, Sendable {}

/// As rclone spells it.
private struct Found: Decodable, Sendable {
  let name: String
  let size: Int64
  let modified: String
  let isDirectory: Bool

  private enum CodingKeys: String, CodingKey {
    case name = "Name"
    case size = "Size"
    case modified = "ModTime"
    case isDirectory = "IsDir"
  }

  var status: BlobStatus { BlobStatus(name: name, bytes: size, modified: modified) }
}
