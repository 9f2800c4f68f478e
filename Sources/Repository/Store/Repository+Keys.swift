import BlobStore
import Foundation
import GoudCore
import Layout

extension Repository {
  /// A password's key.
  public struct KeyDescription: Sendable, Equatable {
    public let id: ObjectID
    /// RFC 3339.
    public let created: String
    public let username: String
    public let hostname: String
    /// Whether the repository was opened by it.
    public let isInUse: Bool
  }

  /// Every key that can be read, by its name.
  public func keys() throws -> [KeyDescription] {
    let inUse = keyID
    return try list(.keys).map { object in
      let file = try Self.keyFile(object.id, in: store)
      return KeyDescription(
        id: object.id, created: file.created, username: file.username, hostname: file.hostname,
        isInUse: object.id == inUse)
    }
  }

  /// From now on `password` opens the repository too.
  /// - Returns: the new key's name.
  @discardableResult
  public func addKey(password: String, cost: KeyFile.Cost = .standard, owner: Owner = .current) throws -> ObjectID {
    try locked(exclusive: false, owner: owner) { _ in
      try Self.put(
        KeyFile.make(key, password: password, cost: cost, owner: owner, at: Date()), for: key, password, in: store)
    }
  }

  /// From now on that key's password opens nothing. Whoever has opened the repository keeps its master key.
  /// - Throws: `repository.key-needed` for the last key and for the one in use; `repository.not-found`.
  public func removeKey(_ id: ObjectID, owner: Owner = .current) throws {
    try locked(exclusive: true, owner: owner) { lock in
      let all = try list(.keys).map(\.id)
      guard all.contains(id) else {
        throw GoudError(.repositoryNotFound, "there is no keys/\(id) at \(store.location)")
      }
      guard all.count > 1 else {
        throw GoudError(
          .repositoryKeyNeeded, "\(id.short) is the only key of \(store.location)",
          hint: "add another one first: goud repo key add")
      }
      guard id != keyID else {
        throw GoudError(
          .repositoryKeyNeeded, "\(id.short) is the key that \(store.location) was opened by",
          hint: "open it by another password")
      }
      try lock.check()
      try remove([id], in: .keys)
    }
  }

  /// The key in use goes, and one of a new password is there before that.
  /// - Returns: the new key's name, which is in use from now on.
  @discardableResult
  public func changePassword(
    to password: String, cost: KeyFile.Cost = .standard, owner: Owner = .current
  ) throws -> ObjectID {
    try locked(exclusive: true, owner: owner) { lock in
      let old = keyID
      let new = try Self.put(
        KeyFile.make(key, password: password, cost: cost, owner: owner, at: Date()), for: key, password, in: store)
      keyID = new
      try lock.check()
      try remove([old], in: .keys)
      return new
    }
  }
}
