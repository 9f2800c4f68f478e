import BlobStore
import GoudCore
import Synchronization

/// A store that notes what it is asked for, by kind and folder, in order; and that lets nothing be deleted while it is told
/// to.
final class RecordingStore: BlobStore {
  struct Request: Hashable {
    let kind: RequestKind
    /// The first component of the name, or the folder that was listed.
    let folder: String

    init(_ kind: RequestKind, _ name: String) {
      self.kind = kind
      folder = String(name.prefix { $0 != "/" })
    }
  }

  private let store: any BlobStore
  private let noted = Mutex<[Request]>([])
  let keepsAll = Atomic(false)

  init(_ store: any BlobStore) { self.store = store }

  var location: String { store.location }
  var requests: RequestCounter { store.requests }
  var listsAtOnce: Bool { store.listsAtOnce }
  var recorded: [Request] { noted.withLock { $0 } }

  private func note(_ kind: RequestKind, _ name: String) { noted.withLock { $0.append(Request(kind, name)) } }

  func list(in folder: String, deep: Bool) throws -> [BlobStatus] {
    note(.list, folder)
    return try store.list(in: folder, deep: deep)
  }
  func status(of name: String) throws -> BlobStatus? {
    note(.stat, name)
    return try store.status(of: name)
  }
  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    note(.put, name)
    return try store.upload(name, estimate: estimate)
  }
  func put(_ bytes: [UInt8], as name: String) throws {
    note(.put, name)
    try store.put(bytes, as: name)
  }
  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    note(.get, blob.name)
    return try store.read(blob, at: offset, count: count)
  }
  func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    note(.get, name)
    return try store.read(name, at: offset, count: count)
  }
  func delete(_ name: String) throws { try delete([name]) }
  func delete(_ names: [String]) throws {
    for name in names { note(.delete, name) }
    guard !keepsAll.load(ordering: .relaxed) || names.isEmpty else {
      throw GoudError(.blobDenied, "\(location) does not let us in")
    }
    try store.delete(names)
  }
}
