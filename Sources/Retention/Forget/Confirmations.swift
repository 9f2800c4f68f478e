import BlobStore
import GoudCore
import Repository

/// The backups of which somebody said that it is right that they fell: empty objects below `goud/confirmed`, by the
/// snapshot's name.
struct Confirmations {
  private static let folder = "goud/confirmed"
  private let repository: Repository

  init(_ repository: Repository) { self.repository = repository }

  func all() throws -> Set<ObjectID> {
    Set(
      try repository.store.list(in: Self.folder, deep: false)
        .compactMap { ObjectID(hex: String($0.name.dropFirst(Self.folder.utf8.count + 1))) })
  }

  func add(_ id: ObjectID) throws {
    do {
      try repository.store.put([], as: "\(Self.folder)/\(id.hex)")
    } catch let error as GoudError where error.code == .blobExists {
      // Somebody else said so.
    }
  }
}
