import GoudCore
import Layout
import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// The moves of an exchange within a mount: what is old leaves the root, then what is new comes.
///
/// A name that is on both sides is in the root as the old one unless `old` has it, and as the new one unless `new` has
/// it; so what is where says how far a run has come, and each move can be done again, or undone. A database leaves first
/// and comes last: what can be opened in the root is never beside something of the other side.
struct ContentMoves {
  static let newName = "new"
  static let oldName = "old"

  private let root: Descriptor
  private let new: Descriptor
  private let old: Descriptor
  private let journal: ExchangeJournal
  private let renames: Renames
  private let door: DatabaseDoor

  /// - Parameter work: holds `new` and `old`.
  init(_ root: Descriptor, _ work: Descriptor, _ journal: ExchangeJournal, _ renames: Renames) throws {
    self.root = root
    self.journal = journal
    self.renames = renames
    new = try Descriptor.open(Self.newName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: work)
    old = try Descriptor.open(Self.oldName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: work)
    door = DatabaseDoor(root: root, work: work, renames: renames)
  }

  /// What is exchanged of a root: all but the file system's own, what restores keep there, and the lock that keeps nodes
  /// out meanwhile. In groups: `CURRENT`, where the root is a database; the directories that hold databases; the rest.
  static func names(in root: String) throws -> [[String]] {
    let databases = Set(try DatabaseHold.databases(root).compactMap { $0.path.pathComponents().first })
    let names = try FileSystem.names(in: root).filter {
      !RestoreName.isWork(inRoot: $0) && !["lost+found", RestoreMarker.fileName, "LOCK"].contains($0)
    }.sorted()
    return [
      names.filter { $0 == DatabaseDoor.name }, names.filter { $0 != DatabaseDoor.name && databases.contains($0) },
      names.filter { $0 != DatabaseDoor.name && !databases.contains($0) },
    ].filter { !$0.isEmpty }
  }

  /// Each group is on the device before the next one begins, and all when it returns.
  func forward() throws {
    for names in journal.old {
      for name in names { try moveOut(name, to: old) }
      try synchronize(old)
    }
    for names in journal.new {
      for name in names { try moveIn(name, from: new) }
      try synchronize(new)
    }
    try door.clear()
    try journal.newRoot.apply(to: root)
    try root.synchronize()
  }

  func back() throws {
    let replaced = Set(journal.old.joined())
    for names in journal.new.reversed() {
      for name in names where try isNew(name, replaced) { try moveOut(name, to: new) }
      try synchronize(new)
    }
    for names in journal.old.reversed() {
      for name in names { try moveIn(name, from: old) }
      try synchronize(old)
    }
    try door.clear()
  }

  /// Whether what the root has under this name is the new one: under a name of both sides, only when `old` has the other.
  private func isNew(_ name: String, _ replaced: Set<String>) throws -> Bool {
    // A CURRENT may have two names for a moment.
    if try name != DatabaseDoor.name && new.identity(of: name) != nil { return false }
    return try !replaced.contains(name) || old.identity(of: name) != nil
  }

  private func moveOut(_ name: String, to side: Descriptor) throws {
    if name == DatabaseDoor.name { return try door.close(keeping: side) }
    guard try side.identity(of: name) == nil, try root.identity(of: name) != nil else { return }
    try renames.relocate(name, from: root, to: side)
    KillPoint.reached("restore.moved-out")
  }

  private func moveIn(_ name: String, from side: Descriptor) throws {
    if name == DatabaseDoor.name { return try door.open(from: side) }
    guard try side.identity(of: name) != nil else { return }
    do {
      try renames.relocate(name, from: side, to: root)
    } catch let error as GoudError where error.systemErrno == EEXIST {
      // Whoever tries to open a RocksDB makes its directory, which is empty then: nothing is lost with it.
      guard unlinkat(root.fd, name, AT_REMOVEDIR) == 0 else { throw DatabaseDoor.stranger("\(root.path)/\(name)") }
      try renames.relocate(name, from: side, to: root)
    }
    KillPoint.reached("restore.moved-in")
  }

  private func synchronize(_ side: Descriptor) throws {
    try side.synchronize()
    try root.synchronize()
  }
}

/// `CURRENT` in a root that is a database itself. While the content is exchanged, something is there that no RocksDB opens:
/// were there none, a node might found a new database and delete the tables of the others.
struct DatabaseDoor {
  static let name = "CURRENT"
  private static let closing = "closing"
  /// No name of a `MANIFEST`, and no line.
  private static let closed = Array("a restore of goud was stopped here: goud restore --settle".utf8)

  let root: Descriptor
  let work: Descriptor
  let renames: Renames

  /// Takes the root's `CURRENT` away, unless that has been done.
  func close(keeping side: Descriptor) throws {
    guard let present = try root.identity(of: Self.name), try !isClosed() else { return }
    if let kept = try side.identity(of: Self.name) {
      // Another one than the root's: what is meant has gone out before.
      guard kept == present else { return }
    } else if linkat(root.fd, Self.name, side.fd, Self.name, 0) != 0 {
      guard [EPERM, EOPNOTSUPP, EMLINK, ENOSYS].contains(errno) else {
        throw GoudError.system("link", "\(root.path)/\(Self.name)")
      }
      try renames.relocate(Self.name, from: root, to: side)
    }
    try side.synchronize()
    KillPoint.reached("restore.database-closing")
    unlinkat(work.fd, Self.closing, 0)
    let file = try Descriptor.open(Self.closing, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, in: work)
    try file.write(Self.closed)
    try file.synchronize()
    guard renameat(work.fd, Self.closing, root.fd, Self.name) == 0 else {
      throw GoudError.system("rename to", "\(root.path)/\(Self.name)")
    }
    try root.synchronize()
    KillPoint.reached("restore.database-closed")
  }

  /// Puts the `CURRENT` of one side there.
  func open(from side: Descriptor) throws {
    guard let own = try side.identity(of: Self.name) else { return }
    let present = try root.identity(of: Self.name)
    if present == own {
      // It was being taken away, and has two names.
      guard unlinkat(side.fd, Self.name, 0) == 0 else {
        throw GoudError.system("remove", "\(side.path)/\(Self.name)")
      }
    } else {
      guard try present == nil || isClosed() else { throw Self.stranger("\(root.path)/\(Self.name)") }
      guard renameat(side.fd, Self.name, root.fd, Self.name) == 0 else {
        throw GoudError.system("rename to", "\(root.path)/\(Self.name)")
      }
    }
    KillPoint.reached("restore.database-opened")
  }

  /// Removes what `close` left, where no `CURRENT` has come.
  func clear() throws {
    guard try isClosed() else { return }
    guard unlinkat(root.fd, Self.name, 0) == 0 else { throw GoudError.system("remove", "\(root.path)/\(Self.name)") }
  }

  private func isClosed() throws -> Bool {
    guard let file = try UntrustedDirectory(root: root.path).file(Self.name, others: .absent),
      try file.status().st_size == Self.closed.count
    else { return false }
    return try file.readAll(limit: 4096) == Self.closed
  }

  static func stranger(_ path: String) -> GoudError {
    GoudError(
      .restoreUnproven, "\(path) has come into being while the content of the volume was exchanged",
      hint: "stop what writes there, move it away, then: goud restore --settle", context: ["path": path])
  }
}

extension Descriptor {
  /// Which file a name in this directory is, without following a link; nil when nothing is there.
  fileprivate func identity(of name: String) throws -> FileIdentity? {
    var status = stat()
    if fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status.identity }
    guard errno == ENOENT else { throw GoudError.system("stat", "\(path)/\(name)") }
    return nil
  }
}
