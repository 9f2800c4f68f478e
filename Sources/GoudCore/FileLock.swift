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

  /// Waits for a lock that is held for moments. Goes on without it where there are no locks, and when its holder has not
  /// moved for so long that it must be stopped.
  public func waitForLock(atMost patience: Duration = .seconds(5)) throws {
    let deadline = ContinuousClock.now + patience
    while try lock() == .held, ContinuousClock.now < deadline { usleep(10_000) }
  }

  func unlock() { flock(fd, LOCK_UN) }
}
