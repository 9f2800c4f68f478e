import BlobStore
public import GoudCore
import Layout

/// What a prune did, or would do.
public struct RepositoryPruneReport: Sendable, Equatable {
  public internal(set) var packsKept = 0
  public internal(set) var packsRepacked = 0
  public internal(set) var packsDropped = 0
  /// Packs that no index knew: what an interrupted run had left.
  public internal(set) var packsUnknown = 0
  /// Blobs that the snapshots need.
  public internal(set) var blobsUsed = 0
  /// Bytes that are not needed any more and go.
  public internal(set) var bytesFreed: Int64 = 0
}

extension Repository {
  /// Takes away what no snapshot needs, under an exclusive lock.
  ///
  /// What is still needed of a pack is stored again and indexed before anything goes; the index forgets a pack before the
  /// pack goes. Interrupted anywhere, it leaves a repository that is whole, and another prune finishes it.
  /// - Parameters:
  ///   - maxUnused: how much of the packs may stay unneeded, as a part of their bytes.
  ///   - isDry: only says what would be done.
  ///   - used: walks every snapshot; a blob that it leaves out is lost.
  /// - Throws: `repository.damaged` when a snapshot needs what is not there: then nothing is changed.
  @discardableResult
  public func prune(
    maxUnused: Double = 0.05, isDry: Bool = false, owner: Owner = .current, options: RepositoryWriter.Options = .init(),
    cancellation: Cancellation = .init(), used mark: BlobMarking
  ) throws -> RepositoryPruneReport {
    try locked(exclusive: true, owner: owner) { lock in
      try prune(
        under: lock, maxUnused: maxUnused, isDry: isDry, options: options, cancellation: cancellation, used: mark)
    }
  }

  /// The same, under an exclusive lock that is held.
  public func prune(
    under lock: RepositoryLock, maxUnused: Double, isDry: Bool = false, options: RepositoryWriter.Options = .init(),
    cancellation: Cancellation, used mark: BlobMarking
  ) throws -> RepositoryPruneReport {
    let oldIndexes = try list(.index).map(\.id)
    let index = try loadIndex()
    guard index.disputed.isEmpty else { throw damaged("two indexes say differently what is in a pack") }
    let present = try list(.data)
    let used = try collect(mark, index)
    let plan = PrunePlan(index, used: used, maxUnused: maxUnused)
    let unknown = present.filter { index.entries(of: $0.id) == nil }
    let there = Set(present.map(\.id))
    if let gone = plan.keep.map(\.id).first(where: { !there.contains($0) })
      ?? plan.repack.map(\.id).first(where: { !there.contains($0) })
    {
      throw damaged("\(RepositoryName.object(gone.hex, in: .data)) is needed and not there")
    }
    var report = RepositoryPruneReport()
    report.packsKept = plan.keep.count
    report.packsRepacked = plan.repack.count
    report.packsDropped = plan.drop.count
    report.packsUnknown = unknown.count
    report.blobsUsed = used.values.reduce(0) { $0 + $1.count }
    report.bytesFreed = Int64(plan.freed + unknown.reduce(0) { $0 + $1.bytes })
    guard !isDry else { return report }
    try lock.check()
    // Nobody may be writing now, so what no index knows is nobody's.
    try remove(unknown.map(\.id), in: .data)
    guard !plan.repack.isEmpty || !plan.drop.isEmpty else { return report }
    let packed = try repack(plan, index, options, lock, cancellation)
    try lock.check()
    let newIndexes = Set(try saveIndexes(plan.keep + packed.packs))
    try lock.check()
    try remove((oldIndexes + packed.indexes).filter { !newIndexes.contains($0) }, in: .index)
    try lock.check()
    try remove(plan.drop + plan.repack.map(\.id), in: .data)
    return report
  }

  private func collect(_ mark: BlobMarking, _ index: RepositoryIndex) throws -> [BlobKind: Set<ObjectID>] {
    var used: [BlobKind: Set<ObjectID>] = [.data: [], .tree: []]
    try mark(RepositoryReader(self, index: index)) { id, kind in
      guard used[kind]!.insert(id).inserted else { return }
      guard index.contains(id, as: kind) else {
        throw damaged("a snapshot needs \(kind) blob \(id), and no index knows it")
      }
    }
    return used
  }

  /// Stores again what is needed of packs that go.
  /// - Returns: the new packs, and the indexes that name only them.
  private func repack(
    _ plan: PrunePlan, _ index: RepositoryIndex, _ options: RepositoryWriter.Options, _ lock: RepositoryLock,
    _ cancellation: Cancellation
  ) throws -> (packs: [(id: ObjectID, entries: [PackEntry])], indexes: [ObjectID]) {
    guard !plan.repack.isEmpty else { return ([], []) }
    let before = Set(try list(.index).map(\.id))
    let reader = RepositoryReader(self, index: index)
    let writer = RepositoryWriter(self, index: .init(), options: options)
    do {
      for (_, needed) in plan.repack {
        try lock.check()
        try cancellation.check()
        for kind in BlobKind.allCases {
          try reader.load(needed.filter { $0.kind == kind }.map(\.id), as: kind) { _, blob in
            try writer.save(blob, as: kind)
          }
        }
      }
      try writer.finish()
    } catch {
      writer.abandon()
      throw error
    }
    let indexes = try list(.index).map(\.id).filter { !before.contains($0) }
    return (try indexes.flatMap { try indexFile($0).packs }, indexes)
  }
}
