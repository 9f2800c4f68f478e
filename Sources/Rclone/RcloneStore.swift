import AsyncHTTPClient
public import BlobStore
import Foundation
import GoudCore
import NIOCore
import NIOHTTP1

/// A bucket, or whatever else rclone knows, through one rclone that lives as long as the store.
///
/// What is promised of two that put one name: with S3 as Amazon has it, and with every server that is found to heed
/// `If-None-Match`, exactly one succeeds. With the others (Google's storage among them: rclone has no way to say it there) the
/// name is looked at before, and the object after: the loser learns of it unless both looked before either had put, and
/// both of them again before the other's arrived.
///
/// Objects of S3 and of Google's storage appear whole; with `rclone:` remotes that is as rclone has it for the remote.
///
/// Requests are counted as rclone makes them when nothing fails: it asks for the status of an object before it reads or
/// deletes it. What it asks again after a failure is not counted, but for puts.
public final class RcloneStore: BlobStore {
  public let location: String
  public let requests = RequestCounter()
  /// `:s3:bucket`
  private let remote: String
  private let prefix: String
  private let cancellation: Cancellation
  private let client: RcloneClient
  private let putting: RclonePut
  /// How many names are in a page of S3 and Google's storage.
  private static let page = 1000
  private static let deletesAtOnce = 16

  init(
    _ text: String, remote: String, prefix: String, settings: [String: String?], cancellation: Cancellation
  ) throws {
    (location, self.remote, self.prefix, self.cancellation) = (text, remote, prefix, cancellation)
    let client = RcloneClient(location: text, process: try RcloneProcess(settings), cancellation: cancellation)
    let isS3 = remote.hasPrefix(":s3:")
    let isAmazon = settings["RCLONE_S3_PROVIDER"] == "AWS" && settings["RCLONE_S3_ENDPOINT"] == nil
    self.client = client
    putting = RclonePut(
      remote: remote,
      exclusion: !isS3 ? .ignored : isAmazon ? .kept : .untried, counter: requests, cancellation: cancellation,
      open: {
        guard isS3 else { return client }
        let process = try RcloneProcess(settings.merging(RclonePut.settings) { $1 })
        return RcloneClient(location: text, process: process, cancellation: cancellation)
      })
  }

  // MARK: BlobStore

  public func list(in folder: String, deep: Bool) throws -> [BlobStatus] {
    try BlobName.check(folder: folder)
    let place = Place(fs: remote, remote: folder.isEmpty ? prefix : key(folder), opt: Place.files(deep: deep))
    do {
      let answer: Listing = try client.call("operations/list", place)
      let found = answer.list ?? []
      requests.count(.list, max(1, (found.count + Self.page - 1) / Self.page))
      let lead = prefix.isEmpty ? "" : "\(prefix)/"
      return found.filter { !$0.isDirectory && $0.path.hasPrefix(lead) }
        .map { $0.status(String($0.path.dropFirst(lead.count))) }
        .filter { BlobName.isLegal($0.name) }.sorted { $0.name < $1.name }
    } catch let error as GoudError where error.code == .blobBucketMissing && !place.remote.isEmpty {
      // A prefix that nothing has yet is an empty one, in a bucket that is there.
      requests.count(.list, 2)
      let _: Listing = try client.call("operations/list", Place(fs: remote, remote: "", opt: Place.files()))
      return []
    }
  }

  public func status(of name: String) throws -> BlobStatus? {
    try BlobName.check(name)
    requests.count(.stat)
    do {
      let answer: Item = try client.call("operations/stat", place(name), about: name)
      guard let item = answer.item, !item.isDirectory else { return nil }
      return item.status(name)
    } catch let error as GoudError where [.blobDenied, .blobUnreachable].contains(error.code) {
      throw try reason(name) ?? error
    }
  }

  /// Why a status was refused: of that, S3 answers only a number. A list is refused for the same reason, in words.
  private func reason(_ name: String) throws -> GoudError? {
    requests.count(.list)
    do {
      let _: Listing = try client.call("operations/list", place(name), about: name)
      return nil
    } catch let error as GoudError {
      return [.blobUnreachable, .blobBucketMissing].contains(error.code) ? nil : error
    }
  }

  public func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    guard try status(of: name) == nil else { throw GoudError(.blobExists, "\(location)/\(name) is already there") }
    var request = client.request(
      "operations/uploadfile", query: ["fs": remote, "remote": BlobName.folder(of: key(name))])
    request.method = .POST
    requests.count(.put)
    return RcloneUpload(
      FileSystem.name(of: name), request, RcloneClient.http, cancellation, withdraw: { [self] in try delete(name) },
      fault: { [location] in RcloneFault.error($0, $1, "\(location)/\(name)") })
  }

  public func put(_ bytes: [UInt8], as name: String) throws {
    try BlobName.check(name)
    try putting.put(bytes, as: name, key: key(name), in: self)
  }

  public func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    guard offset < blob.bytes else { return [] }
    return try read(blob.name, of: blob, at: offset, count: count)
  }

  public func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    do {
      return try read(name, of: nil, at: offset, count: count)
    } catch let error as GoudError where error.code == .blobNotFound && offset > 0 {
      // So it is also called when there is nothing at the offset.
      guard try status(of: name) != nil else { throw error }
      return []
    }
  }

  public func delete(_ name: String) throws { try delete([name]) }

  public func delete(_ names: [String]) throws {
    for name in names { try BlobName.check(name) }
    requests.count(.stat, names.count)
    requests.count(.delete, names.count)
    let places = names.map { ($0, place($0)) }
    guard let failure = try client.clean("operations/deletefile", places, atOnce: Self.deletesAtOnce) else { return }
    throw (failure as? GoudError).flatMap(kept) ?? failure
  }

  /// Why a deletion was refused: where all else is let in, a policy keeps what is there.
  private func kept(_ failure: GoudError) -> GoudError? {
    guard failure.code == .blobDenied else { return nil }
    return GoudError(
      .blobDenied, "\(location) lets nothing be deleted",
      hint: "a retention policy keeps it, or the credentials may not delete: see docs/repository.md, \"object lock\"",
      context: failure.context, cause: failure)
  }

  // MARK: Calls

  private func key(_ name: String) -> String { prefix.isEmpty ? name : "\(prefix)/\(name)" }

  private func place(_ name: String) -> Place { Place(fs: remote, remote: key(name), opt: Place.files()) }

  private func changed(_ name: String) -> GoudError {
    GoudError(.blobChanged, "\(location)/\(name) changed while it was read", hint: "run it again")
  }

  /// - Parameter blob: which object it must be; nil: whichever has the name.
  private func read(_ name: String, of blob: BlobStatus?, at offset: Int64, count: Int) throws -> [UInt8] {
    try BlobName.check(name)
    guard count > 0 else { return [] }
    var failure: (any Error)?
    for attempt in 0..<5 {
      try cancellation.check()
      if attempt > 0 {
        Thread.sleep(forTimeInterval: 0.2 * Double(1 << attempt))
        let now = try status(of: name)
        guard blob == nil || now == blob else { throw changed(name) }
      }
      do {
        return try piece(name, of: blob, offset, count)
      } catch let error as GoudError where error.code != .blobUnreachable {
        throw error
      } catch { failure = error }
    }
    throw failure as? GoudError
      ?? GoudError(.blobUnreachable, "\(location)/\(name) cannot be read", hint: "try again later", cause: failure)
  }

  /// One range of an object, cut at its end. What comes short is a dropped connection.
  private func piece(_ name: String, of blob: BlobStatus?, _ offset: Int64, _ count: Int) throws -> [UInt8] {
    requests.count(.stat)
    requests.count(.get)
    var request = client.request("[\(remote)]/\(key(name))")
    request.headers.add(name: "Range", value: "bytes=\(offset)-\(offset + Int64(count) - 1)")
    let place = "\(location)/\(name)"
    let (bytes, range) = try Awaiting.result(
      of: { [request] in
        let response = try await RcloneClient.http.execute(request, timeout: .minutes(10))
        let body = try await response.body.collect(upTo: max(count, 1 << 16))
        guard response.status == .partialContent || response.status == .ok else {
          throw RcloneFault.error(String(buffer: body), Int(response.status.code), place)
        }
        return ([UInt8](buffer: body), response.headers.first(name: "Content-Range"))
      }, cancellation)
    guard let size = range?.split(separator: "/").last.flatMap({ Int64($0) }) else {
      throw GoudError(.blobUnreachable, "\(place) came without its size")
    }
    if let blob, size != blob.bytes { throw changed(name) }
    guard bytes.count == min(Int64(count), size - offset) else {
      throw GoudError(.blobUnreachable, "\(place) came short")
    }
    return bytes
  }
}
