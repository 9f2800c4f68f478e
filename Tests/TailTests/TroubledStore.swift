import BlobStore
import GoudCore
import Synchronization

/// A store whose next puts fail: before they do anything, or with their answer lost.
final class TroubledStore: BlobStore {
  enum Trouble {
    /// The store is away.
    case away
    /// What was put is there, and nobody is told.
    case silent
  }

  private let store: any BlobStore
  private let troubles = Mutex<[Trouble]>([])

  init(_ store: any BlobStore) { self.store = store }

  /// The next puts meet these, one each.
  func meet(_ coming: Trouble...) { troubles.withLock { $0 = coming } }

  var location: String { store.location }
  var requests: RequestCounter { store.requests }
  var listsAtOnce: Bool { store.listsAtOnce }

  func put(_ bytes: [UInt8], as name: String) throws {
    let trouble = troubles.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    if trouble != .away { try store.put(bytes, as: name) }
    if trouble != nil { throw GoudError(.blobUnreachable, "the store is away") }
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
  func delete(_ names: [String]) throws { try store.delete(names) }
}
