#if canImport(Glibc)
  public import Glibc
#endif

/// By which a file that is written once is known again: one that is the same in all of this has not been touched.
public struct FileVersion: Sendable, Hashable, Codable {
  public let inode: UInt64
  public let size: Int64
  /// Of content and of inode, in nanoseconds since 1970.
  public let modified: Int64
  public let changed: Int64

  public init(_ status: stat) {
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
