import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What the kernel asks of whoever grows a file system that is mounted. Looked at first: a disk that was enlarged for
/// nothing costs money for good.
enum Privilege {
  /// Bits of `CapEff` in `/proc/self/status` (capabilities(7)).
  private static let sysAdmin = 21
  private static let sysResource = 24

  /// - Throws: `io.permission-denied`.
  static func check(_ growth: FileSystemGrowth) throws {
    let held = try capabilities()
    guard held & (1 << sysAdmin) != 0 else {
      throw GoudError(
        .ioPermission, "growing a file system that is mounted is root's alone",
        hint: "run it with sudo; --dry-run shows what would be done")
    }
    guard growth == .xfs || held & (1 << sysResource) != 0 else {
      throw GoudError(
        .ioPermission, "growing ext4 that is mounted needs CAP_SYS_RESOURCE, which this root has not",
        hint: "run it outside the container, or give the container that capability")
    }
  }

  private static func capabilities() throws -> UInt64 {
    let bytes = try Descriptor.open("/proc/self/status", O_RDONLY).readAll(limit: 1 << 20)
    let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    return line.flatMap { UInt64($0.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) } ?? 0
  }
}
