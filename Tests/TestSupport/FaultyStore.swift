public import BlobStore
import GoudCore
import Synchronization

/// A store in front of another one, whose calls meet what a test decides.
public final class FaultyStore: BlobStore {
  /// What is asked of it.
  public enum Call: Sendable {
    case list(folder: String)
    case status(String)
    case read(String)
    case put(String)
    case delete([String])

    public var isChange: Bool {
      switch self {
      case .put, .delete: true
      case .list, .status, .read: false
      }
    }
  }

  public enum Fate: Sendable {
    case done
    /// The store is away: nothing is done.
    case refused
    /// It is done, and nobody is told.
    case unanswered
    /// As when the store goes away meanwhile: of many that are to be deleted half are, of anything else nothing is done.
    case halfDone
  }

  private let store: any BlobStore
  private let fate: @Sendable (Call) -> Fate
  private let isDone: @Sendable (Call) -> Void
  private let state = Mutex<(coming: [Fate], hasFailed: Bool)>(([], false))

  /// - Parameters:
  ///   - fate: asked before each call, from many threads.
  ///   - isDone: told of each that succeeded.
  public init(
    _ store: any BlobStore, fate: @escaping @Sendable (Call) -> Fate = { _ in .done },
    isDone: @escaping @Sendable (Call) -> Void = { _ in }
  ) {
    (self.store, self.fate, self.isDone) = (store, fate, isDone)
  }

  /// Gone after so many changes, as after a kill.
  public convenience init(_ store: any BlobStore, goneAfter count: Int) {
    let left = Atomic(count)
    self.init(store) { call in
      call.isChange && left.subtract(1, ordering: .relaxed).newValue < 0 ? .halfDone : .done
    }
  }

  /// The next puts meet these, one each.
  public func meet(_ coming: Fate...) { state.withLock { $0.coming = coming } }

  /// Whether any call has failed yet.
  public var hasFailed: Bool { state.withLock { $0.hasFailed } }

  public var location: String { store.location }
  public var listsAtOnce: Bool { store.listsAtOnce }
  public var requests: RequestCounter { store.requests }

  private func run<Result>(_ call: Call, half: () throws -> Void = {}, _ body: () throws -> Result) throws -> Result {
    var fate = fate(call)
    if case .put = call { fate = state.withLock { $0.coming.isEmpty ? fate : $0.coming.removeFirst() } }
    switch fate {
    case .done:
      let result = try body()
      isDone(call)
      return result
    case .refused: break
    case .halfDone: try half()
    case .unanswered: _ = try body()
    }
    state.withLock { $0.hasFailed = true }
    throw GoudError(.blobUnreachable, "the store is away")
  }

  public func list(in folder: String, deep: Bool) throws -> [BlobStatus] {
    try run(.list(folder: folder)) { try store.list(in: folder, deep: deep) }
  }

  public func status(of name: String) throws -> BlobStatus? { try run(.status(name)) { try store.status(of: name) } }

  public func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    try run(.put(name)) { try store.upload(name, estimate: estimate) }
  }

  public func put(_ bytes: [UInt8], as name: String) throws { try run(.put(name)) { try store.put(bytes, as: name) } }

  public func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    try run(.read(blob.name)) { try store.read(blob, at: offset, count: count) }
  }

  public func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    try run(.read(name)) { try store.read(name, at: offset, count: count) }
  }

  public func delete(_ name: String) throws { try delete([name]) }

  public func delete(_ names: [String]) throws {
    let half = { try self.store.delete(Array(names.prefix(names.count / 2))) }
    try run(.delete(names), half: half) { try store.delete(names) }
  }
}
