public import GoudCore
import Synchronization

/// Makes the trees of a backup from its entries, which come in any order but for one rule: a directory before what it
/// holds. Nothing is stored before `finish`, which saves the directories from the bottom up.
///
/// Memory: about 100 bytes, the name, the attributes and 32 bytes a blob for each entry, and at the end the text of one
/// directory, about 300 bytes an entry. May be called from several threads.
///
/// A file with several names (`FileEntry.Kind.secondName`) becomes as many nodes with one number, which restic restores
/// as hard links. The number follows from the first name in the order of bytes, so that an unchanged directory stays
/// the same.
public final class TreeWriter: Sendable {
  /// A file whose blobs are still to come.
  public struct PendingFile: Sendable, Hashable {
    fileprivate let number: Int
  }

  /// What `finish` stored.
  public struct Saved: Sendable, Equatable {
    /// Of the root's tree: what a snapshot names.
    public let root: ObjectID
    /// Directories, the root included.
    public let trees: Int
    /// Those that the repository did not have.
    public let newTrees: Int
    /// What the new ones take there, compressed and sealed.
    public let storedBytes: Int64
  }

  private struct Pending {
    let entry: FileEntry
    var content: [ObjectID] = []
    var bytes: Int64 = 0
  }

  private struct State {
    var plan = TreePlan()
    var pending: [Int: Pending] = [:]
    var begun = 0
  }

  private let saver: any BlobSaver
  private let state = Mutex(State())

  public init(_ saver: any BlobSaver) { self.saver = saver }

  /// Adds an entry that is whole.
  /// - Parameters:
  ///   - entry: not the root itself, which is a directory and no name of one.
  ///   - content: of a regular file: its blobs in order.
  ///   - bytes: what their lengths come to; must be the file's size.
  /// - Throws: `internal.fault` when the directory that holds it did not come, or the lengths are not the size.
  public func add(_ entry: FileEntry, content: [ObjectID] = [], bytes: Int64 = 0) throws {
    try Self.check(entry, bytes)
    try state.withLock { try $0.plan.add(entry, content: content) }
  }

  /// Adds a regular file whose blobs come one by one, while others come in between. It must be ended before `finish`.
  public func begin(_ entry: FileEntry) -> PendingFile {
    state.withLock {
      $0.begun += 1
      $0.pending[$0.begun] = Pending(entry: entry)
      return PendingFile(number: $0.begun)
    }
  }

  /// Adds the next blob of a file.
  /// - Parameter bytes: the blob's length.
  public func append(_ blob: ObjectID, bytes: Int, to file: PendingFile) {
    state.withLock {
      $0.pending[file.number]?.content.append(blob)
      $0.pending[file.number]?.bytes += Int64(bytes)
    }
  }

  /// Ends a file: it has all its blobs.
  /// - Returns: its blobs in order.
  /// - Throws: as `add`.
  @discardableResult
  public func end(_ file: PendingFile) throws -> [ObjectID] {
    try state.withLock {
      guard let pending = $0.pending.removeValue(forKey: file.number) else {
        throw GoudError(.internalFault, "a file of a backup was ended twice")
      }
      try Self.check(pending.entry, pending.bytes)
      try $0.plan.add(pending.entry, content: pending.content)
      return pending.content
    }
  }

  /// Saves the trees, each after those it holds. To be called once.
  /// - Throws: `internal.fault` when a name came twice, a file was not ended, or the file of a second name did not
  ///   come.
  public func finish() throws -> Saved {
    var plan = try state.withLock {
      if let open = $0.pending.values.first {
        throw GoudError(.internalFault, "\(open.entry.path) was not ended before the trees were saved")
      }
      let plan = $0.plan
      $0.plan = TreePlan()
      return plan
    }
    return try plan.save(to: saver)
  }

  private static func check(_ entry: FileEntry, _ bytes: Int64) throws {
    guard case .file(let size) = entry.kind, size != bytes else { return }
    throw GoudError(.internalFault, "\(entry.path) has \(size) bytes, and its blobs have \(bytes)")
  }
}
