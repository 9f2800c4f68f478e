import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Where a restore of a volume would build, and what would keep it from it on the day it is needed.
public struct RestorePlace: Sendable, Equatable {
  /// The volume itself when it is a mount point, which nothing can take the place of; otherwise what holds it.
  public var directory = ""
  public var isMountPoint = false
  /// Whether this user may make a directory there.
  public var isWritable = true
  /// What is mounted inside the volume: it would go with the old data.
  public var mountsInside: [String] = []

  public init() {}

  public init(of volume: Volume) throws {
    isMountPoint = try FileSystem.isMountRoot(volume.path)
    directory = isMountPoint ? volume.path : FileSystem.parent(of: volume.path)
    isWritable = faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0
    mountsInside = try MountPoints.below(volume.path)
  }
}
