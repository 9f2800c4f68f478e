import BlobStore
import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A store that counts what is read of it, and goes away when so much was.
final class MeteredStore: BlobStore {
  struct Read: Sendable {
    let name: String
    let bytes: Int
  }

  private struct State {
    var reads: [Read] = []
    /// Reads of data until it goes away; nil: it stays.
    var patience: Int?
    var isTime: @Sendable () -> Bool = { true }
  }

  private let store: any BlobStore
  private let state = Mutex(State())

  init(_ store: any BlobStore) { self.store = store }

  /// What was read of a folder since the last time.
  func taken(_ folder: String) -> [Read] {
    state.withLock { state in
      defer { state.reads.removeAll { $0.name.hasPrefix("\(folder)/") } }
      return state.reads.filter { $0.name.hasPrefix("\(folder)/") }
    }
  }

  /// - Parameters:
  ///   - reads: of data that it gives from now on; nil: all.
  ///   - isTime: what it waits for before it is away, for half a minute at most.
  func goAway(after reads: Int?, once isTime: @escaping @Sendable () -> Bool = { true }) {
    state.withLock { ($0.patience, $0.isTime) = (reads, isTime) }
  }

  var location: String { store.location }
  var requests: RequestCounter { store.requests }

  func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    let isTime: (@Sendable () -> Bool)? = state.withLock { state in
      guard name.hasPrefix("data/"), let left = state.patience else { return nil }
      guard left > 0 else { return state.isTime }
      state.patience = left - 1
      return nil
    }
    if let isTime {
      for _ in 0..<30_000 where !isTime() { usleep(1000) }
      throw GoudError(.blobUnreachable, "the store is away")
    }
    let bytes = try store.read(name, at: offset, count: count)
    state.withLock { $0.reads.append(Read(name: name, bytes: bytes.count)) }
    return bytes
  }

  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(blob, at: offset, count: count)
  }
  func put(_ bytes: [UInt8], as name: String) throws { try store.put(bytes, as: name) }
  func list(in folder: String, deep: Bool) throws -> [BlobStatus] { try store.list(in: folder, deep: deep) }
  func status(of name: String) throws -> BlobStatus? { try store.status(of: name) }
  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    try store.upload(name, estimate: estimate)
  }
  func delete(_ name: String) throws { try store.delete(name) }
  func delete(_ names: [String]) throws { try store.delete(names) }
}
