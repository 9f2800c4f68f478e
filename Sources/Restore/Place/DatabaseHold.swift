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

  /// - Throws: `volume.database-open`, naming the process, when a database of the volume is open.
  init(_ volume: String) throws {
    locks = try Self.databases(volume).map { try Self.lock($0.directory, volume: volume) }
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
    try DatabaseLocation.find(in: volume) + DatabaseLocation.remains(in: volume)
  }

  private static func lock(_ database: String, volume: String) throws -> Descriptor {
    let path = "\(database)/LOCK"
    let file =
      try FileSystem.status(path) == nil
      ? create(path, in: database) : Descriptor.open(path, O_RDWR | O_NOFOLLOW)
    guard goud_record_lock(file.fd) == 0 else {
      guard errno == EAGAIN || errno == EACCES else { throw GoudError.system("lock", path) }
      throw open(volume, lock: path, pid: goud_record_lock_holder(file.fd))
    }
    return file
  }

  /// As RocksDB makes it, and so that the database's owner can open it; the directory's times stay.
  private static func create(_ path: String, in database: String) throws -> Descriptor {
    let directory = try Descriptor.open(database, O_RDONLY | O_DIRECTORY)
    let status = try directory.status()
    let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o644)
    guard fchmod(file.fd, 0o644) == 0 else { throw GoudError.system("chmod", path) }
    if FileSystem.mayChangeOwners, fchown(file.fd, status.st_uid, status.st_gid) != 0 {
      throw GoudError.system("chown", path)
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
