#if canImport(Glibc)
  import Glibc
#endif

/// What became of an attempt to lock a file.
public enum LockOutcome: Equatable {
  case taken
  /// Somebody holds it.
  case held
  /// The file system has no locks (`ENOLCK`, `EOPNOTSUPP`, …): nothing is known.
  case unknown
}

extension Descriptor {
  /// `flock(2)` on the file, at once. It ends with the process, however that ends, and is seen by every process of the
  /// host, in whatever container; over NFS (a byte range of the file, which has to be open for writing) and CIFS by
  /// those of other hosts too.
  /// - Parameter shared: for who only asks: several may at once.
  public func lock(shared: Bool = false) throws -> LockOutcome {
    while flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      // EACCES: as CIFS says it.
      case EWOULDBLOCK, EACCES: return .held
      case ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL, EBADF: return .unknown
      default: throw GoudError.system("lock", path)
      }
    }
    return .taken
  }

  /// Waits for the lock as long as its holder has it; goes on without one where there are no locks.
  public func waitForLock() throws {
    while flock(fd, LOCK_EX) != 0 {
      if errno == EINTR { continue }
      guard [ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL].contains(errno) else { throw GoudError.system("lock", path) }
      return
    }
  }

  func unlock() { flock(fd, LOCK_UN) }
}
