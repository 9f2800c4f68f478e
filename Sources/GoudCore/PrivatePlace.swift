import Foundation
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// A directory in which no other user can put anything in the place of what this process makes there.
///
/// That is one whose every parent belongs to root or to this user, and can be written by others only if it is sticky, as
/// `/tmp` is. The first of `TMPDIR`, `/tmp`, `/var/tmp`, `/dev/shm` and `/run` that is such a one and can be
/// written to, rather one that has links; `TMPDIR` is passed over without a word where anybody may rename what is in it.
public enum PrivatePlace {
  private static let disks = ["/tmp", "/var/tmp"]
  private static let memory = ["/dev/shm", "/run"]

  /// - Throws: `io.permission-denied` when there is none.
  public static func open() throws -> Descriptor { try open(among: named + disks + memory) }

  /// For thousands of links, of which a file system on a disk makes an inode each: rather one in memory.
  /// - Throws: `io.permission-denied` when there is none.
  public static func openForLinks() throws -> Descriptor { try open(among: named + memory + disks) }

  private static var named: [String] { ProcessInfo.processInfo.environment["TMPDIR"].map { [$0] } ?? [] }

  /// The directory that was named, or a private one.
  public static func open(unless named: String?) throws -> Descriptor {
    try named.map { try Descriptor.open($0, O_RDONLY | O_DIRECTORY) } ?? open()
  }

  static func open(among candidates: [String]) throws -> Descriptor {
    var places: [Descriptor] = []
    for candidate in candidates {
      guard let path = FileSystem.realPath(candidate), isPrivate(path),
        let directory = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY), let probe = try? probe(directory)
      else { continue }
      if probe.holdsLinks { return directory }
      places.append(directory)
    }
    if let place = places.first { return place }
    throw GoudError(
      .ioPermission, "there is no directory for temporary files: \(candidates.joined(separator: ", "))",
      hint: "set TMPDIR to a directory of your own (mode 0700)")
  }

  /// - Parameter path: absolute, without links.
  static func isPrivate(_ path: String) -> Bool {
    guard let root = try? FileSystem.status("/") else { return false }
    var path = path
    while true {
      guard let status = try? FileSystem.status(path), status.isDirectory,
        [geteuid(), 0, root.st_uid].contains(status.st_uid),
        status.st_mode & (S_IWGRP | S_IWOTH) == 0 || status.st_mode & S_ISVTX != 0
      else { return false }
      if path == "/" { return true }
      path = FileSystem.parent(of: path)
    }
  }

  /// Tried, not guessed: also whether it can be written to.
  private static func probe(_ directory: Descriptor) throws -> (holdsLinks: Bool, Temporary) {
    let probe = try Temporary.create(.view, in: directory)
    return (symlinkat("/", probe.content.fd, "link") == 0, probe)
  }
}
