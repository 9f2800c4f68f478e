import CGoudLinux

#if canImport(Glibc)
  import Glibc
#endif

/// RocksDB's own `LOCK`: held, as a record lock, by the process that has the database open for writing.
public enum DatabaseLock {
  /// The process that has the database in `directory` open; nil when none has.
  ///
  /// Takes no lock. A process must not ask this about a database that it has open itself: closing any descriptor of
  /// `LOCK` drops the process's record lock on it.
  public static func holder(of directory: String) throws -> LockHolder? {
    let path = "\(directory)/LOCK"
    guard try FileSystem.status(path)?.isRegular == true else { return nil }
    let file: Descriptor
    do {
      file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return nil
    }
    switch goud_record_lock_holder(file.fd) {
    case -1: return nil
    case -2: throw GoudError.system("ask for the lock of", path)
    case let pid: return LockHolder(pid: Int32(pid))
    }
  }
}
