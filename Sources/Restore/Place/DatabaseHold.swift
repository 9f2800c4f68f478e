import CGoudLinux
import GoudCore
import VolumeSnapshot
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Keeps nodes out of a volume: RocksDB's own `LOCK` of each of its databases, held as RocksDB holds it.
///
/// A node that starts meanwhile is refused by its RocksDB. The lock stays with the directory when it is renamed, and ends
/// with this object or the process. The `LOCK` file stays: removing one can let two nodes in.
///
/// POSIX record locks end when the process closes *any* descriptor of the file, so nothing here opens one twice.
final class DatabaseHold {
  private let locks: [Descriptor]

  /// - Parameter isNew: nobody has opened it yet. Then what has no `CURRENT`, a checkpoint that was never finished, gets no
  ///   `LOCK` that it did not have: there is nothing to open. In an old one a node might found a new database there, and
  ///   delete the tables of what it was.
  /// - Throws: `volume.database-open`, naming the process, when a database of the volume is open.
  init(_ volume: String, isNew: Bool = false) throws {
    let databases = isNew ? try VolumeContents(of: volume).databases : try Self.databases(volume)
    let root = try UntrustedDirectory(root: volume)
    locks = try databases.compactMap { try root.directory($0.path).map { try Self.lock($0, volume: volume) } }
  }

  /// Looks without taking anything, and without leaving anything on disk.
  /// - Throws: `volume.database-open`.
  static func refuseOpen(_ volume: String) throws {
    for database in try databases(volume) {
      guard let holder = try DatabaseLock.holder(of: database.directory) else { continue }
      throw open(volume, lock: "\(database.directory)/LOCK", pid: Int(holder.pid))
    }
  }

  /// Also those that have lost their `CURRENT`, which is what a restore is often for.
  static func databases(_ volume: String) throws -> [DatabaseLocation] {
    let contents = try VolumeContents(of: volume)
    return contents.databases + contents.remains
  }

  private static func lock(_ database: UntrustedDirectory, volume: String) throws -> Descriptor {
    let file = try existing(database) ?? create(database)
    guard goud_record_lock(file.fd) == 0 else {
      guard errno == EAGAIN || errno == EACCES else { throw GoudError.system("lock", file.path) }
      throw open(volume, lock: file.path, pid: goud_record_lock_holder(file.fd))
    }
    return file
  }

  private static func existing(_ database: UntrustedDirectory) throws -> Descriptor? {
    try database.file("LOCK", O_RDWR)
  }

  /// As RocksDB makes it, and so that the database's owner can open it; the directory's times stay. What was made is given
  /// away, not what has its name.
  private static func create(_ database: UntrustedDirectory) throws -> Descriptor {
    let directory = database.descriptor
    let status = try directory.status()
    let file: Descriptor
    do {
      file = try Descriptor.open("LOCK", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, in: directory)
    } catch let error as GoudError where error.systemErrno == EEXIST {
      // A node that has just started.
      if let file = try existing(database) { return file }
      throw error
    }
    // A file system without modes or owners refuses both.
    guard fchmod(file.fd, 0o644) == 0 || errno == EPERM else { throw GoudError.system("chmod", file.path) }
    if FileSystem.mayChangeOwners, fchown(file.fd, status.st_uid, status.st_gid) != 0, errno != EPERM {
      throw GoudError.system("chown", file.path)
    }
    try directory.setModified(status.st_mtim)
    return file
  }

  private static func open(_ volume: String, lock: String, pid: Int) -> GoudError {
    let holder = LockHolder.find(kind: "POSIX", path: lock) ?? LockHolder(pid: Int32(max(pid, 0)), command: "unknown")
    return GoudError(
      .volumeBusy, "the database of \(volume) is open (\(holder))", hint: "stop the node, then try again",
      context: ["path": volume, "pid": "\(holder.pid)"])
  }
}
