import BlobStore
public import GoudCore
import Layout

/// What came of making the index anew.
public struct IndexRepairReport: Sendable, Equatable {
  /// Packs that the new index names.
  public internal(set) var packs = 0
  /// Packs whose own header had to be read, because no index told of them rightly.
  public internal(set) var packsRead = 0
  /// Packs that an index named and that are not there.
  public internal(set) var missing: [ObjectID] = []
  /// Packs whose header cannot be read; they stay where they are.
  public internal(set) var unreadable: [ObjectID] = []
  /// Indexes that were replaced.
  public internal(set) var replaced: [ObjectID] = []
}

extension Repository {
  /// Makes the index agree with the packs that are there, under an exclusive lock. Does nothing where it does already.
  ///
  /// What sound indexes say of packs of the right size is kept; of all others the headers are read. The new index is there
  /// before the old ones go.
  /// - Parameter readAll: believe no index.
  @discardableResult
  public func repairIndex(
    readAll: Bool = false, owner: Owner = .current, cancellation: Cancellation = .init()
  ) throws -> IndexRepairReport {
    try locked(exclusive: true, owner: owner) { lock in
      var report = IndexRepairReport()
      let old = try list(.index).map(\.id)
      let broken = BrokenIndexes()
      let known = try loadIndex { id, _ in broken.ids.append(id) }
      var packs: [(id: ObjectID, entries: [PackEntry])] = []
      let present = try list(.data)
      for pack in present {
        try cancellation.check()
        if !readAll, !known.disputed.contains(pack.id), let entries = known.entries(of: pack.id),
          PackHeader.packSize(entries) == pack.bytes
        {
          packs.append((pack.id, entries))
          continue
        }
        report.packsRead += 1
        guard let entries = try header(of: pack) else {
          report.unreadable.append(pack.id)
          continue
        }
        packs.append((pack.id, entries))
      }
      let there = Set(present.map(\.id))
      report.missing = known.packIDs.filter { !there.contains($0) }
      report.packs = packs.count
      let isRight =
        broken.ids.isEmpty && known.disputed.isEmpty && known.packCount == packs.count
        && packs.allSatisfy { known.entries(of: $0.id) == $0.entries }
      guard !isRight else { return report }
      try lock.check()
      _ = try saveIndexes(packs)
      try lock.check()
      try remove(old, in: .index)
      report.replaced = old
      return report
    }
  }

  /// What a pack's header says, read from its end; nil when it cannot be, or does not fit the pack.
  private func header(of pack: StoredObject) throws -> [PackEntry]? {
    let name = RepositoryName.object(pack.id.hex, in: .data)
    func end(_ count: Int) throws -> [UInt8] {
      let count = min(count, pack.bytes)
      return try store.read(name, at: Int64(pack.bytes - count), count: count)
    }
    var bytes = try end(Self.usualHeader)
    guard let length = bytes.withUnsafeBytes(Self.headerLength) else { return nil }
    if length + PackHeader.trailer > bytes.count { bytes = try end(length + PackHeader.trailer) }
    guard let entries = header(ofPack: bytes), PackHeader.packSize(entries) == pack.bytes else { return nil }
    return entries
  }

  /// Nearly every header is smaller: some 800 blobs.
  private static let usualHeader = 32 << 10
}

/// Filled by one thread, read when it has ended.
private final class BrokenIndexes: @unchecked Sendable {
  var ids: [ObjectID] = []
}
