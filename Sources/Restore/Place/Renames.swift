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
    if goud_renameat2(AT_FDCWD, from, AT_FDCWD, to, GOUD_RENAME_NOREPLACE) != 0 {
      guard Self.unsupported.contains(errno) else { throw failure("rename", from, to) }
      guard try FileSystem.status(to) == nil else { throw GoudError.system("rename to", to, errno: EEXIST) }
      guard rename(from, to) == 0 else { throw failure("rename", from, to) }
    }
    try FileSystem.synchronize(directory: FileSystem.parent(of: to))
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
    if goud_renameat2(AT_FDCWD, staging, AT_FDCWD, place, GOUD_RENAME_EXCHANGE) != 0 {
      if Self.unsupported.contains(errno) { return false }
      throw failure("exchange", staging, place)
    }
    try FileSystem.synchronize(directory: FileSystem.parent(of: place))
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
