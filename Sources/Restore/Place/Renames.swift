import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The renames of a swap: none replaces anything, each is on the device when it returns.
struct Renames: Sendable {
  /// False only in tests, or in a debug build with `GOUD_NO_EXCHANGE` set: as on a file system that cannot exchange.
  var canExchange = Renames.exchanges

  #if DEBUG
    private static let exchanges = ProcessInfo.processInfo.environment["GOUD_NO_EXCHANGE"] == nil
  #else
    private static let exchanges = true
  #endif

  /// Gives a directory another name in its own directory.
  /// - Throws: `io.failed` (EEXIST) when the name is taken.
  func move(_ from: String, to: String) throws {
    let directory = try Descriptor.open(FileSystem.parent(of: to), O_RDONLY | O_DIRECTORY)
    try rename(FileSystem.name(of: from), in: directory, to: FileSystem.name(of: to), in: directory)
    try directory.synchronize()
  }

  /// The same from one open directory into another.
  func move(_ from: String, in source: Descriptor, to: String, in target: Descriptor) throws {
    try rename(from, in: source, to: to, in: target)
    try target.synchronize()
    try source.synchronize()
  }

  /// Moves one of many names, which is not on the device before both directories are synchronized.
  func relocate(_ name: String, from source: Descriptor, to target: Descriptor) throws {
    try rename(name, in: source, to: name, in: target)
  }

  private func rename(_ from: String, in source: Descriptor, to: String, in target: Descriptor) throws {
    if goud_renameat2(source.fd, from, target.fd, to, GOUD_RENAME_NOREPLACE) == 0 { return }
    let path = "\(target.path)/\(to)"
    guard Self.unsupported.contains(errno) else { throw failure("rename", "\(source.path)/\(from)", path) }
    var status = stat()
    guard fstatat(target.fd, to, &status, AT_SYMLINK_NOFOLLOW) != 0 else {
      throw GoudError.system("rename to", path, errno: EEXIST)
    }
    guard renameat(source.fd, from, target.fd, to) == 0 else {
      throw failure("rename", "\(source.path)/\(from)", path)
    }
  }

  /// Exchanges two directories: in one step where the file system can; otherwise by way of `aside`, so that for a
  /// moment `place` is not there. Goes on where an earlier run was stopped.
  func exchange(_ staging: String, with place: String, aside: String) throws {
    if try FileSystem.status(aside) == nil {
      if try exchangeAtOnce(staging, place) { return }
      try move(place, to: aside)
      KillPoint.reached("restore.aside")
    }
    if try FileSystem.status(place) == nil {
      try move(staging, to: place)
      KillPoint.reached("restore.moved-in")
    }
    try move(aside, to: staging)
  }

  /// - Returns: false when the file system cannot.
  private func exchangeAtOnce(_ staging: String, _ place: String) throws -> Bool {
    guard canExchange else { return false }
    let directory = try Descriptor.open(FileSystem.parent(of: place), O_RDONLY | O_DIRECTORY)
    let names = (FileSystem.name(of: staging), FileSystem.name(of: place))
    if goud_renameat2(directory.fd, names.0, directory.fd, names.1, GOUD_RENAME_EXCHANGE) != 0 {
      if Self.unsupported.contains(errno) { return false }
      throw failure("exchange", staging, place)
    }
    try directory.synchronize()
    return true
  }

  private static let unsupported: Set<Int32> = [EINVAL, ENOSYS, EOPNOTSUPP]

  private func failure(_ action: String, _ from: String, _ to: String) -> GoudError {
    guard errno == EXDEV || errno == EBUSY else { return GoudError.system("\(action) \(from) and", to) }
    return GoudError(
      .restoreCrossesFileSystems, "\(from) and \(to) are not on one file system, or one of them is a mount point",
      hint: "name a directory below the mount point with --to", context: ["path": to])
  }
}
