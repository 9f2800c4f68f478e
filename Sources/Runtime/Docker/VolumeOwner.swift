import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Gives what is in a volume to the user that its container runs as: a restore leaves the owners of the backup, and
/// what Goud itself writes is root's.
enum VolumeOwner {
  /// - Throws: `io.failed` when one cannot be given away.
  static func give(_ path: String, user: UInt32, group: UInt32) throws {
    guard let root = FileSystem.realPath(path) else { return }
    try give(one: root, user, group)
    if chmod(root, 0o700) != 0 { throw GoudError.system("set the mode of", root) }
    var pending = [root]
    while let directory = pending.popLast() {
      for name in try FileSystem.names(in: directory) {
        let entry = "\(directory)/\(name)"
        try give(one: entry, user, group)
        if try FileSystem.status(entry)?.isDirectory == true { pending.append(entry) }
      }
    }
  }

  private static func give(one path: String, _ user: UInt32, _ group: UInt32) throws {
    guard let status = try FileSystem.status(path), status.st_uid != user || status.st_gid != group else { return }
    guard lchown(path, user, group) == 0 else { throw GoudError.system("change the owner of", path) }
  }
}
