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

  /// Takes what came free since. What is said to be free may be more than there is: then less is taken, and what is left
  /// after that.
  public func take(leaving room: Int = 0) throws {
    var bytes = try free(leaving: room)
    guard bytes > 0 else { return }
    let name = "\(path)/filler"
    let file = try Descriptor.open(name, O_CREAT | O_EXCL | O_RDWR)
    unlink(name)
    var end = 0
    defer { if end > 0 { files.withLock { $0.append(file) } } }
    while bytes > 0 {
      let failure = posix_fallocate(file.fd, off_t(end), off_t(bytes))
      guard failure == 0 || failure == ENOSPC else { throw GoudError.system("fill", path, errno: failure) }
      if failure == 0 { end += bytes }
      bytes = failure == 0 ? try free(leaving: room) : bytes / 2
    }
  }

  private func free(leaving room: Int) throws -> Int {
    var system = statvfs()
    guard statvfs(path, &system) == 0 else { throw GoudError.system("look at", path) }
    return Int(system.f_bavail) * Int(system.f_frsize) - room
  }

  /// Gives it all back; at once, although a program that another test is starting may hold the same files for a moment.
  public func free() {
    files.withLock { files in
      for file in files { ftruncate(file.fd, 0) }
      files = []
    }
  }

  deinit { free() }
}
