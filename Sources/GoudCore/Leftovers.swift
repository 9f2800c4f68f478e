import Foundation
public import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Temporaries in a directory whose owner is gone.
///
/// One is removed only under its lock, when it is of the shape that its name says and belongs to the user that this
/// process writes as; no link is followed. What another user put there under such a name is left alone.
public struct Leftovers {
  private let directory: Descriptor

  /// How long one that cannot be asked for its owner is left alone: names of versions before the locks, and a directory
  /// that was not locked yet.
  static let unlocked: Int = 24 * 3600
  /// The same where the file system has no locks.
  static let unlockable: Int = 7 * 24 * 3600

  public init(in directory: Descriptor) { self.directory = directory }

  public init(in path: String) throws {
    directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
  }

  /// Without changing anything; whatever cannot be told counts as owned. Sorted.
  public func list() throws -> [TemporaryName] {
    try candidates().filter { name in
      guard let lock = try? hold(name, now: time(nil)) else { return false }
      lock.unlock()
      return true
    }
  }

  /// Removes those that may be removed, and returns them. What cannot be removed stays, and is in `list`.
  @discardableResult
  public func remove() throws -> [TemporaryName] {
    try remove(try candidates())
  }

  /// Of these.
  @discardableResult
  public func remove(_ candidates: [TemporaryName]) throws -> [TemporaryName] {
    guard !candidates.isEmpty, let standard = try? Standard(directory) else { return [] }
    return candidates.filter { (try? remove($0, standard)) == true }
  }

  /// - Returns: whether it is gone.
  func remove(_ name: TemporaryName) throws -> Bool { try remove(name, Standard(directory)) }

  private func candidates() throws -> [TemporaryName] {
    try FileSystem.knownNames(in: directory).compactMap { TemporaryName($0) }.sorted { $0.text < $1.text }
  }

  private func remove(_ name: TemporaryName, _ standard: Standard) throws -> Bool {
    guard name != standard.probe.name, let held = try hold(name, now: standard.now, for: standard.user) else {
      return false
    }
    defer { held.unlock() }
    if name.kind == .reserving { try freeName(name.subject, standard.user) }
    if name.kind.isDirectory {
      try directory.removeTree(name.text)
    } else {
      guard unlinkat(directory.fd, name.text, 0) == 0 else { throw GoudError.system("remove", path(name)) }
    }
    return true
  }

  /// The empty file that kept a name free for a temporary goes before it.
  private func freeName(_ name: String, _ user: uid_t) throws {
    guard let status = try directory.status(of: name), status.isRegular, status.st_size == 0, status.st_uid == user
    else { return }
    guard unlinkat(directory.fd, name, 0) == 0 else { throw GoudError.system("remove", "\(directory.path)/\(name)") }
  }

  /// Takes the lock of one whose owner is gone.
  /// - Parameter user: whose it must be; nil: anybody's, and the lock is one that several may have.
  /// - Returns: the file that is locked; nil when it is owned, or of another shape, or another user's.
  private func hold(_ name: TemporaryName, now: time_t, for user: uid_t? = nil) throws -> Descriptor? {
    guard let status = try directory.status(of: name.text),
      name.kind.isDirectory ? status.isDirectory : status.isRegular, user == nil || status.st_uid == user,
      let (lock, patience) = try lock(name, shared: user == nil),
      // It may have been published, or exchanged, before it was locked.
      try directory.status(of: name.text)?.identity == status.identity,
      try name.kind.isDirectory || lock.status().identity == status.identity
    else { return nil }
    let changed = max(status.st_mtim.tv_sec, try lock.status().st_mtim.tv_sec)
    return now - changed >= patience ? lock : nil
  }

  /// - Returns: what is locked, and how long it must have been left alone to be a leftover; nil when it is owned.
  private func lock(_ name: TemporaryName, shared: Bool) throws -> (Descriptor, patience: Int)? {
    let flags = (shared ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK
    var (place, file) = (directory, name.text)
    if name.kind.isDirectory {
      place = try Descriptor.open(file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: directory)
      file = Temporary.owner
      if try place.status(of: file) == nil { return (place, Self.unlocked) }
    }
    let opened = try Descriptor.open(file, flags, in: place)
    switch try opened.lock(shared: shared) {
    case .taken: return (opened, name.isNumbered ? Self.unlocked : 0)
    case .held: return nil
    case .unknown: return (opened, Self.unlockable)
    }
  }

  private func path(_ name: TemporaryName) -> String { "\(directory.path)/\(name.text)" }
}

/// What this process is to the directory's file system: as whom it writes there (root may be nobody, over NFS), and
/// what time it is for the server.
private struct Standard {
  let probe: Temporary
  let user: uid_t
  let now: time_t

  init(_ directory: Descriptor) throws {
    probe = try Temporary.create(.file, for: "goud", in: directory)
    let status = try probe.content.status()
    (user, now) = (status.st_uid, status.st_mtim.tv_sec)
  }
}
