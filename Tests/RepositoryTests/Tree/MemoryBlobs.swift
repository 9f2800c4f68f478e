import GoudCore
import Repository
import Synchronization

/// A repository's blobs in memory.
final class MemoryBlobs: BlobSaver, BlobLoader {
  private let blobs = Mutex<[ObjectID: [UInt8]]>([:])

  /// How many there are.
  var count: Int { blobs.withLock { $0.count } }

  func save(_ bytes: [UInt8], as kind: BlobKind) throws -> SavedBlob {
    let id = ObjectID(sha256Of: bytes)
    let isNew = blobs.withLock { $0.updateValue(bytes, forKey: id) == nil }
    return SavedBlob(id: id, isNew: isNew, storedBytes: isNew ? bytes.count : 0)
  }

  func load(_ id: ObjectID, as kind: BlobKind) throws -> [UInt8] {
    guard let bytes = blobs.withLock({ $0[id] }) else { throw GoudError(.repositoryDamaged, "no blob \(id)") }
    return bytes
  }

  /// Saves a tree's text.
  func save(tree text: String) throws -> ObjectID { try save(Array(text.utf8), as: .tree).id }
}

extension FileEntry {
  /// An entry whose metadata do not matter.
  static func plain(_ path: String, _ kind: Kind) -> FileEntry {
    FileEntry(path: path, kind: kind, mode: 0o644, owner: 0, group: 0, modified: (1, 0))
  }
}
