import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Gives what is in a volume to the user that its container runs as: a restore leaves the owners of the backup, and
/// what Goud itself writes is root's.
///
/// Below an open directory, and no link is followed: whoever may write to the volume may exchange what is in it
/// meanwhile, and nothing outside of it is given away for that.
enum VolumeOwner {
  /// - Throws: `io.failed` when one cannot be given away.
  static func give(_ path: String, user: UInt32, group: UInt32) throws {
    guard let root = FileSystem.realPath(path) else { return }
    let directory = try Descriptor.open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try give(".", in: directory, user, group)
    if fchmod(directory.fd, 0o700) != 0 { throw GoudError.system("set the mode of", root) }
    try give(contentsOf: directory, user, group)
  }

  private static func give(contentsOf directory: Descriptor, _ user: UInt32, _ group: UInt32) throws {
    for name in try FileSystem.names(in: "/proc/self/fd/\(directory.fd)") {
      guard try give(name, in: directory, user, group) else { continue }
      do {
        let inner = try Descriptor.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: directory)
        try give(contentsOf: inner, user, group)
      } catch let error as GoudError where [ENOENT, ENOTDIR, ELOOP].contains(error.systemErrno) {
        continue  // Exchanged since: it is not what was looked at any more.
      }
    }
  }

  /// - Returns: whether it is a directory.
  @discardableResult
  private static func give(
    _ name: String, in directory: Descriptor, _ user: UInt32, _ group: UInt32
  ) throws -> Bool {
    var status = stat()
    guard fstatat(directory.fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return false }
      throw GoudError.system("stat", "\(directory.path)/\(name)")
    }
    guard status.st_uid != user || status.st_gid != group else { return status.isDirectory }
    guard fchownat(directory.fd, name, user, group, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT else {
      throw GoudError.system("change the owner of", "\(directory.path)/\(name)")
    }
    return status.isDirectory
  }
}
