import Foundation

#if canImport(Glibc)
  public import Glibc
#endif

extension Descriptor {
  /// What a name in this open directory stands for, without following a link; nil when nothing is there.
  public func status(of name: String) throws -> stat? {
    var result = stat()
    if fstatat(fd, name, &result, AT_SYMLINK_NOFOLLOW) == 0 { return result }
    if errno == ENOENT { return nil }
    throw GoudError.system("stat", "\(path)/\(name)")
  }

  /// Removes a directory of this open directory with all that is in it. No link is followed at any depth and nothing
  /// mounted in it is entered; directories that forbid it to their owner are opened to him first.
  ///
  /// Holds one descriptor for each level.
  public func removeTree(_ name: String) throws { try removeTree(Array(name.utf8CString)) }

  private func removeTree(_ name: [CChar]) throws {
    let tree = try openToRemove(name)
    guard try tree.status().st_dev == status().st_dev else { throw GoudError.system("remove", tree.path, errno: EBUSY) }
    for entry in try FileSystem.entries(of: tree) where unlinkat(tree.fd, entry, 0) != 0 && errno != ENOENT {
      guard errno == EISDIR || errno == EPERM else { throw GoudError.system("remove from", tree.path) }
      try tree.removeTree(entry)
    }
    guard unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT else { throw GoudError.system("remove", tree.path) }
  }

  private func openToRemove(_ name: [CChar]) throws -> Descriptor {
    let place = "\(path)/\(String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))"
    var status = stat()
    if fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.isDirectory, status.st_mode & S_IRWXU != S_IRWXU {
      fchmodat(fd, name, S_IRWXU, 0)
    }
    let opened = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard opened >= 0 else { throw GoudError.system("remove", place) }
    return Descriptor(fd: opened, path: place)
  }
}
