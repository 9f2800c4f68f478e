import BlobStore
import GoudCore
import Synchronization

/// A store that is gone after so many changes, as after a kill; of many that are to be deleted at once, half are.
final class FailingStore: BlobStore {
  private let store: any BlobStore
  private let left: Mutex<Int>

  init(_ store: any BlobStore, after count: Int) {
    self.store = store
    left = Mutex(count)
  }

  var location: String { store.location }
  var requests: RequestCounter { store.requests }
  var listsAtOnce: Bool { store.listsAtOnce }
  /// Whether it has failed already.
  var hasFailed: Bool { left.withLock { $0 < 0 } }

  private static let gone = GoudError(.blobUnreachable, "the store is gone")

  private func mayChange() -> Bool {
    left.withLock { left in
      left -= 1
      return left >= 0
    }
  }

  func list(in folder: String, deep: Bool) throws -> [BlobStatus] { try store.list(in: folder, deep: deep) }

  func status(of name: String) throws -> BlobStatus? { try store.status(of: name) }

  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    guard mayChange() else { throw Self.gone }
    return try store.upload(name, estimate: estimate)
  }

  func put(_ bytes: [UInt8], as name: String) throws {
    guard mayChange() else { throw Self.gone }
    try store.put(bytes, as: name)
  }

  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(blob, at: offset, count: count)
  }

  func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(name, at: offset, count: count)
  }

  func delete(_ name: String) throws { try delete([name]) }

  func delete(_ names: [String]) throws {
    guard mayChange() else {
      try store.delete(Array(names.prefix(names.count / 2)))
      throw Self.gone
    }
    try store.delete(names)
  }
}
