import BlobStore
import GoudCore

/// A store that takes no piece of a tail while it is said to be away, and tells when pieces were deleted.
final class TailAwayStore: BlobStore {
  private let store: any BlobStore
  private let isAway: @Sendable () -> Bool

  private let deleted: @Sendable () -> Void

  init(
    _ store: any BlobStore, isAway: @escaping @Sendable () -> Bool = { false },
    deleted: @escaping @Sendable () -> Void = {}
  ) {
    (self.store, self.isAway, self.deleted) = (store, isAway, deleted)
  }

  var location: String { store.location }
  var requests: RequestCounter { store.requests }
  var listsAtOnce: Bool { store.listsAtOnce }

  func put(_ bytes: [UInt8], as name: String) throws {
    guard !name.hasPrefix("tail/") || !isAway() else { throw GoudError(.blobUnreachable, "the store is away") }
    try store.put(bytes, as: name)
  }

  func list(in folder: String, deep: Bool) throws -> [BlobStatus] { try store.list(in: folder, deep: deep) }
  func status(of name: String) throws -> BlobStatus? { try store.status(of: name) }
  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    try store.upload(name, estimate: estimate)
  }
  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(blob, at: offset, count: count)
  }
  func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(name, at: offset, count: count)
  }
  func delete(_ name: String) throws { try store.delete(name) }
  func delete(_ names: [String]) throws {
    try store.delete(names)
    if names.contains(where: { $0.hasPrefix("tail/") }) { deleted() }
  }
}
