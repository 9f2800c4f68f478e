public import BlobStore
import Crypto
import Foundation
import GoudCore
import Layout
import Synchronization

/// A repository in restic's format, version 2, in a store.
///
/// Calls wait, on threads that may; any thread may call. No lock is taken by what only reads or adds single objects: see
/// `lock`.
public final class Repository: Sendable {
  public let store: any BlobStore
  public let key: RepositoryKey
  public let config: RepositoryConfig
  private let usedKey: Mutex<ObjectID>

  /// The key file whose password opened it.
  public internal(set) var keyID: ObjectID {
    get { usedKey.withLock { $0 } }
    set { usedKey.withLock { $0 = newValue } }
  }

  private init(_ store: any BlobStore, key: RepositoryKey, keyID: ObjectID, config: RepositoryConfig, box: [UInt8]) {
    self.store = store
    (store as? DirectoryStore)?.require(RepositoryName.config, holding: box)
    self.key = key
    self.config = config
    usedKey = Mutex(keyID)
  }

  // MARK: Create

  /// Makes a new repository. The key is there before the config: what has a config can be opened.
  /// - Parameters:
  ///   - password: not empty.
  ///   - cost: what it costs to try a password.
  /// - Throws: `repository.exists`; then nothing there has changed.
  @discardableResult
  public static func create(
    _ store: any BlobStore, password: String, cost: KeyFile.Cost = .standard, owner: Owner = .current
  ) throws -> Repository {
    guard try store.status(of: RepositoryName.config) == nil else { throw exists(store) }
    guard try store.list(in: RepositoryName.Folder.keys.rawValue, deep: false).isEmpty else {
      throw GoudError(
        .repositoryExists, "\(store.location) has keys of a repository, and no config",
        hint: "if it is what an interrupted creation left, delete its keys/ by hand; else bring back its config")
    }
    let key = RepositoryKey.random()
    let config = RepositoryConfig.random()
    let box = key.seal(try config.json)
    guard try RepositoryConfig(json: key.open(box)) == config else {
      throw GoudError(.internalFault, "the repository's config cannot be read back")
    }
    let keyID = try put(
      KeyFile.make(key, password: password, cost: cost, owner: owner, at: Date()), for: key, password, in: store)
    do {
      try put(box, as: RepositoryName.config, in: store)
    } catch {
      let isThere = (error as? GoudError)?.code == .blobExists
      // Where it is not certain that none came to be, the key stays: without it the config would open to nobody.
      if try isThere || store.status(of: RepositoryName.config) == nil {
        try store.delete(RepositoryName.object(keyID.hex, in: .keys))
      }
      throw isThere ? exists(store) : error
    }
    return Repository(store, key: key, keyID: keyID, config: config, box: box)
  }

  private static func exists(_ store: any BlobStore) -> GoudError {
    GoudError(
      .repositoryExists, "there is a repository at \(store.location)",
      hint: "use it as it is, or name another place with --repo")
  }

  /// Puts a key file that was seen to open.
  static func put(
    _ file: KeyFile, for key: RepositoryKey, _ password: String, in store: any BlobStore
  ) throws -> ObjectID {
    let bytes = try file.json
    guard try KeyFile(json: bytes).open(password)?.bytes == key.bytes else {
      throw GoudError(.internalFault, "a new key of the repository does not open it")
    }
    let id = ObjectID(sha256Of: bytes)
    try put(bytes, as: RepositoryName.object(id.hex, in: .keys), in: store)
    return id
  }

  // MARK: Open

  /// - Throws: `repository.missing`, `repository.wrong-password`, `repository.unsupported`, `repository.damaged`.
  public static func open(_ store: any BlobStore, password: String) throws -> Repository {
    let keys = try store.list(in: RepositoryName.Folder.keys.rawValue, deep: false).compactMap {
      RepositoryName.hex(of: $0.name, in: .keys).flatMap { ObjectID(hex: $0) }
    }
    let box: [UInt8]
    do {
      box = try store.read(RepositoryName.config, limit: smallLimit)
    } catch let error as GoudError where error.code == .blobNotFound {
      guard keys.isEmpty else { throw damaged("config is not there, but keys are", in: store) }
      throw GoudError(
        .repositoryMissing, "there is no repository at \(store.location)",
        hint: "make one with goud repo init, or name another place with --repo")
    }
    guard !keys.isEmpty else { throw damaged("it has no key", in: store) }
    var problem: GoudError?
    for id in keys {
      do {
        guard let key = try keyFile(id, in: store).open(password) else { continue }
        let config = try RepositoryConfig(json: key.open(box))
        return Repository(store, key: key, keyID: id, config: config, box: box)
      } catch let error as GoudError where error.code == .repositoryUnsupported && error.context["version"] != nil {
        throw error
      } catch let error as GoudError
        where [.repositoryDamaged, .repositoryUnsupported, .blobNotFound].contains(error.code)
      {
        // Another key may be sound: one that was put while the repository was made twice at once is not of its config.
        problem = problem ?? error
      }
    }
    if let problem { throw problem.within(store.location) }
    throw GoudError(
      .repositoryWrongPassword, "no key of \(store.location) opens with this password",
      hint: "see which password --password-file gives", context: ["keys": "\(keys.count)"])
  }

  /// Keys and the config are some hundred bytes.
  private static let smallLimit = 1 << 20

  static func keyFile(_ id: ObjectID, in store: any BlobStore) throws -> KeyFile {
    let name = RepositoryName.object(id.hex, in: .keys)
    let bytes = try store.read(name, limit: smallLimit)
    guard ObjectID(sha256Of: bytes) == id else { throw damaged("\(name) is not what it is named after", in: store) }
    return try KeyFile(json: bytes)
  }

  static func damaged(_ what: String, in store: any BlobStore) -> GoudError {
    GoudError(
      .repositoryDamaged, "the repository at \(store.location) is damaged: \(what)",
      hint: "see what is left with goud repo check")
  }

  func damaged(_ what: String) -> GoudError { Self.damaged(what, in: store) }
}
