import Foundation
import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// What is free on a `tmpfs`, taken by a file without a name until this is gone.
public final class Filler: Sendable {
  private let path: String
  private let files = Mutex<[Descriptor]>([])

  /// - Parameter room: bytes that stay free.
  public init(on path: String, leaving room: Int = 0) throws {
    self.path = path
    try take(leaving: room)
  }

  /// Takes what came free since.
  public func take(leaving room: Int = 0) throws {
    var system = statvfs()
    guard statvfs(path, &system) == 0 else { throw GoudError.system("look at", path) }
    let bytes = Int(system.f_bavail) * Int(system.f_frsize) - room
    guard bytes > 0 else { return }
    let name = "\(path)/filler"
    let file = try Descriptor.open(name, O_CREAT | O_EXCL | O_RDWR)
    unlink(name)
    let failure = posix_fallocate(file.fd, 0, off_t(bytes))
    guard failure == 0 || failure == ENOSPC else { throw GoudError.system("fill", path, errno: failure) }
    files.withLock { $0.append(file) }
  }

  /// Gives it all back.
  public func free() { files.withLock { $0 = [] } }
}
