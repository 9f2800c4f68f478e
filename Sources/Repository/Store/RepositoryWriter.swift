import BlobStore
import Foundation
import GoudCore
import Layout
import Synchronization

/// Adds blobs to a repository: compressed, sealed, seen to open again, packed, put, indexed.
///
/// Whoever calls `save` does the work of sealing, so several threads should; packs are put by threads of the writer's own.
/// Hold a shared lock from before the index is loaded until the snapshot is there. Memory is bounded by `Options`.
public final class RepositoryWriter: BlobSaver {
  public struct Options: Sendable {
    /// A pack is closed when it has so many bytes.
    public var packSize = 16 << 20
    /// Packs that are put at the same time.
    public var uploads = 3
    /// Bytes of blobs between `save` and the store; at least three packs. A pack on its way takes its size once more.
    public var budget = 96 << 20

    public init() {}
  }

  /// What a writer added.
  public struct Summary: Sendable, Equatable {
    public internal(set) var blobs = 0
    public internal(set) var packs = 0
    /// Plain bytes of the new blobs.
    public internal(set) var bytes: Int64 = 0
    /// What the packs take in the store.
    public internal(set) var storedBytes: Int64 = 0
    /// Indexes that were written.
    public internal(set) var indexes = 0
  }

  /// Which blobs lie in one pack.
  fileprivate struct PackRoom: Hashable {
    let kind: BlobKind
    let isApart: Bool
  }

  fileprivate struct State {
    var open: [PackRoom: OpenPack] = [:]
    /// Blobs that came in this run.
    var new: [BlobKind: Set<ObjectID>] = [.data: [], .tree: []]
    var summary = Summary()
    /// Packs that are put and in no index yet.
    var unindexed: [(id: ObjectID, entries: [PackEntry])] = []
    var unindexedBlobs = 0
    var hasEnded = false
  }

  /// A data blob's bytes at most. Trees may be larger: a directory is one blob.
  public static let dataLimit = 64 << 20
  private static let treeLimit = 2 << 30

  private let repository: Repository
  private let known: RepositoryIndex
  private let memory: IndexMemory?
  private let options: Options
  private let budget: ByteBudget
  /// What a blob counts at most.
  private let heaviest: Int
  private let state = Mutex(State())
  private let uploads: OrderedPipeline<OpenPack, Void>

  /// - Parameters:
  ///   - index: what is there already and need not be stored again.
  ///   - memory: where `index` came from, and is told what this writer adds to it; nil: it was loaded for this once.
  public init(
    _ repository: Repository, index: RepositoryIndex, memory: IndexMemory? = nil, options: Options = Options()
  ) {
    self.repository = repository
    self.memory = memory
    known = index
    self.options = options
    let limit = max(options.budget, 3 * options.packSize)
    let budget = ByteBudget(limit)
    self.budget = budget
    // What waits in packs that are not full never keeps the next blob out.
    heaviest = limit - 2 * options.packSize
    let link = Link()
    uploads = OrderedPipeline(
      name: "pack", width: options.uploads, depth: options.uploads,
      transform: { pack in
        do {
          try link.writer?.put(pack)
        } catch {
          budget.fail(error)
          throw error
        }
      },
      consume: { _ in })
    link.writer = self
  }

  /// The pipeline's way back; without it the two would hold each other.
  private final class Link: @unchecked Sendable {
    /// Set before the first pack is submitted.
    weak var writer: RepositoryWriter?
  }

  // MARK: BlobSaver

  @discardableResult
  public func save(_ bytes: [UInt8], as kind: BlobKind) throws -> SavedBlob {
    try bytes.withUnsafeBytes { try save($0, as: kind) }
  }

  /// The same for bytes that lie somewhere else.
  /// - Parameter isApart: whether they lie in a pack of their own kind: what a volume cannot give again is not to go with
  ///   what it can.
  @discardableResult
  public func save(_ bytes: UnsafeRawBufferPointer, as kind: BlobKind, isApart: Bool = false) throws -> SavedBlob {
    let limit = kind == .data ? Self.dataLimit : Self.treeLimit
    guard bytes.count <= limit else {
      throw GoudError(.internalFault, "a \(kind) blob of \(ByteCount(bytes.count)); the limit is \(ByteCount(limit))")
    }
    try budget.check()
    let id = ObjectID(sha256Of: bytes)
    guard !known.contains(id, as: kind), state.withLock({ $0.new[kind]!.insert(id).inserted }) else {
      return SavedBlob(id: id, isNew: false, storedBytes: 0)
    }
    do {
      let weight = min(bytes.count, heaviest)
      try budget.take(weight)
      let blob = try SealedBlob(bytes, id: id, kind: kind, key: repository.key)
      // From here on only what is stored is held.
      let stored = min(blob.box.count, weight)
      budget.give(weight - stored)
      for pack in append(blob, plain: bytes.count, budget: stored, isApart: isApart) { try uploads.submit(pack) }
      return SavedBlob(id: id, isNew: true, storedBytes: blob.box.count)
    } catch {
      // Others may have been told that the blob is there.
      budget.fail(error)
      throw error
    }
  }

  /// - Returns: packs that are full.
  private func append(_ blob: SealedBlob, plain: Int, budget: Int, isApart: Bool) -> [OpenPack] {
    state.withLock { state in
      var full: [OpenPack] = []
      let room = PackRoom(kind: blob.kind, isApart: isApart)
      var pack = state.open[room] ?? OpenPack()
      if !pack.hasRoom(for: blob.box.count) {
        full.append(pack)
        pack = OpenPack()
      }
      pack.append(blob, budget: budget)
      state.summary.blobs += 1
      state.summary.bytes += Int64(plain)
      if pack.isFull(at: options.packSize) {
        full.append(pack)
        state.open[room] = nil
      } else {
        state.open[room] = pack
      }
      return full
    }
  }

  // MARK: Packs

  private func put(_ pack: OpenPack) throws {
    let (entries, taken) = (pack.entries, pack.budget)
    let (id, bytes) = try pack.close(repository.key)
    try repository.putPack(bytes, id: id)
    budget.give(taken)
    let ripe = state.withLock { state in
      state.summary.packs += 1
      state.summary.storedBytes += Int64(bytes.count)
      state.unindexed.append((id, entries))
      state.unindexedBlobs += entries.count
      return state.unindexedBlobs >= IndexFile.blobLimit ? state.takeUnindexed() : []
    }
    try writeIndex(ripe)
  }

  private func writeIndex(_ packs: [(id: ObjectID, entries: [PackEntry])]) throws {
    let written = try repository.saveIndexes(packs)
    memory?.note(own: written)
    state.withLock { $0.summary.indexes += written.count }
  }

  /// Puts what is left, then the index. When it returns, everything saved is there to stay and is found.
  ///
  /// Call it once, when no `save` is under way.
  /// - Throws: also what any `save` or a pack has failed with.
  @discardableResult
  public func finish() throws -> Summary {
    state.withLock { $0.hasEnded = true }
    do {
      try budget.check()
      let left = state.withLock { state in
        defer { state.open = [:] }
        return Array(state.open.values)
      }
      for pack in left { try uploads.submit(pack) }
    } catch {
      try uploads.finish(abandoning: true)
      throw error
    }
    try uploads.finish()
    try writeIndex(state.withLock { $0.takeUnindexed() })
    return state.withLock { $0.summary }
  }

  /// Ends without an index: what was put already is nobody's, and goes with the next prune. Does nothing after `finish`,
  /// whether that succeeded or not.
  public func abandon() {
    let isFirst = state.withLock { state in
      defer { state.hasEnded = true }
      return !state.hasEnded
    }
    guard isFirst else { return }
    budget.fail(GoudError(.interrupted, "the writing was abandoned"))
    try? uploads.finish(abandoning: true)
  }
}

extension RepositoryWriter.State {
  fileprivate mutating func takeUnindexed() -> [(id: ObjectID, entries: [PackEntry])] {
    defer { (unindexed, unindexedBlobs) = ([], 0) }
    return unindexed
  }
}

extension Repository {
  /// Puts a pack. One of that name that is there already has the same bytes, or is damaged.
  func putPack(_ bytes: [UInt8], id: ObjectID) throws {
    let name = RepositoryName.object(id.hex, in: .data)
    do {
      try store.put(bytes, as: name)
    } catch let error as GoudError where error.code == .blobExists {
      guard try store.status(of: name)?.bytes == Int64(bytes.count) else { throw damaged("\(name) is cut off") }
    }
  }
}
