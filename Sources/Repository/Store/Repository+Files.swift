public import BlobStore
import GoudCore
public import Layout

/// What lies in `index/`, `snapshots/` and `locks/`: JSON, compressed and sealed, named after what is stored.
extension Repository {
  /// An object by its name, and how many bytes it takes.
  public struct StoredObject: Sendable, Equatable {
    public let id: ObjectID
    public let bytes: Int
  }

  /// The objects of a folder, by name. What is not the format's is passed over.
  public func list(_ folder: RepositoryName.Folder) throws -> [StoredObject] {
    try store.list(in: folder.rawValue, deep: folder == .data).compactMap { status in
      guard let hex = RepositoryName.hex(of: status.name, in: folder), let id = ObjectID(hex: hex) else { return nil }
      return StoredObject(id: id, bytes: Int(status.bytes))
    }
  }

  /// Stores JSON, after having seen that it can be read back.
  /// - Returns: its name.
  public func saveUnpacked(_ json: [UInt8], in folder: RepositoryName.Folder) throws -> ObjectID {
    let box = key.seal(UnpackedFile.encode(json))
    guard try UnpackedFile.decode(key.open(box)) == json else {
      throw GoudError(.internalFault, "what was sealed for \(folder.rawValue)/ cannot be read back")
    }
    let id = ObjectID(sha256Of: box)
    try Self.put(box, as: RepositoryName.object(id.hex, in: folder), in: store)
    return id
  }

  /// Puts what nobody else puts: a network may bring a request twice, and the second then finds the first's bytes there.
  /// - Throws: `blob.exists` for other bytes of that name.
  public static func put(_ bytes: [UInt8], as name: String, in store: any BlobStore) throws {
    do {
      try store.put(bytes, as: name)
    } catch let error as GoudError where error.code == .blobExists {
      guard try store.read(name, at: 0, count: bytes.count + 1) == bytes else { throw error }
    }
  }

  /// JSON, proven by its name and its MAC.
  /// - Throws: `repository.not-found`, `repository.damaged`.
  public func loadUnpacked(_ id: ObjectID, in folder: RepositoryName.Folder) throws -> [UInt8] {
    let name = RepositoryName.object(id.hex, in: folder)
    let box: [UInt8]
    do {
      box = try store.read(name, limit: Self.unpackedLimit)
    } catch let error as GoudError where error.code == .blobNotFound {
      throw GoudError(.repositoryNotFound, "there is no \(name) at \(store.location)")
    }
    guard ObjectID(sha256Of: box) == id else { throw damaged("\(name) is not what it is named after") }
    guard let plain = box.withUnsafeBytes(key.openIfGenuine) else {
      throw damaged("\(name) was not sealed with its key")
    }
    guard let json = UnpackedFile.decode(plain) else { throw damaged("\(name) holds no JSON") }
    return json
  }

  /// Returns also when there is no such object.
  public func remove(_ ids: [ObjectID], in folder: RepositoryName.Folder) throws {
    guard !ids.isEmpty else { return }
    try store.delete(ids.map { RepositoryName.object($0.hex, in: folder) })
  }

  /// The one object of a folder whose name begins with `prefix`.
  /// - Throws: `repository.not-found`; `usage.invalid` when there are several.
  public func find(_ prefix: String, in folder: RepositoryName.Folder) throws -> ObjectID {
    let found = try list(folder).filter { $0.id.hex.hasPrefix(prefix) }
    guard let first = found.first, !prefix.isEmpty else {
      throw GoudError(.repositoryNotFound, "there is no \(prefix) in \(folder.rawValue)/ of \(store.location)")
    }
    guard found.count == 1 else {
      throw GoudError(
        .usage, "\(prefix) begins \(found.count) names in \(folder.rawValue)/ of \(store.location)",
        hint: "give more digits")
    }
    return first.id
  }

  private static let unpackedLimit = 1 << 30
}
