import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What a helper is told, in a file of its run, mode 0600: the caller's environment may hold credentials. The helper
/// empties it when it has read it; the run removes it at its end, or, if it is killed, the next run does.
///
/// Whose run lives is told by the lock on the file, which the kernel gives back however a process ends.
final class HelperFile {
  private static let prefix = "helper-"
  let path: String
  private let file: Descriptor

  /// - Parameter directory: where no other user can write.
  init(in directory: String, _ bytes: [UInt8]) throws {
    while true {
      let path = "\(directory)/\(Self.prefix)\(UUID().uuidString).json"
      let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
      // Another run may have taken it for a leftover before it was locked.
      guard flock(file.fd, LOCK_EX | LOCK_NB) == 0, try FileSystem.status(path)?.identity == file.status().identity
      else { continue }
      (self.path, self.file) = (path, file)
      break
    }
    try file.write(bytes)
  }

  func remove() { unlink(path) }

  /// Removes those that no living run holds.
  static func removeFormer(in directory: String) throws {
    for name in try FileSystem.names(in: directory) where name.hasPrefix(prefix) && name.hasSuffix(".json") {
      let path = "\(directory)/\(name)"
      guard let file = try? Descriptor.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK) else { continue }
      if flock(file.fd, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
    }
  }
}
