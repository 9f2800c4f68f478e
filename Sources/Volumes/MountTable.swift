import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What is mounted where, as `/proc/self/mountinfo` tells.
public struct MountTable {
  struct Mount: Equatable {
    let id: Int
    /// What of the file system is mounted: `/`, or the directory of a bind mount.
    let root: String
    let place: String
    /// `ext4`, `xfs`, `overlay`, …
    let fileSystem: String
    /// `major:minor`.
    let number: String
  }

  /// Later ones lie over earlier ones.
  let mounts: [Mount]

  /// The mount that a path is on. Below a root of its own (chroot) a process is not told of the mount that its root lies
  /// on; then only the device is known.
  static func mount(of path: String) throws -> Mount { try read().mount(orDeviceOf: path) }

  func mount(orDeviceOf path: String) throws -> Mount {
    if let mount = mount(of: path) { return mount }
    guard let status = try FileSystem.status(path) else { throw GoudError(.ioFailed, "\(path) is not there") }
    // Linux's `makedev` (sys/sysmacros.h).
    let device = UInt64(status.st_dev)
    let major = (device >> 8 & 0xfff) | (device >> 32 & ~0xfff)
    let minor = (device & 0xff) | (device >> 12 & 0xfff_ff00)
    return Mount(id: 0, root: "/", place: "/", fileSystem: "unknown", number: "\(major):\(minor)")
  }

  public static func read() throws -> MountTable {
    let bytes = try Descriptor.open("/proc/self/mountinfo", O_RDONLY).readAll(limit: 16 << 20)
    return MountTable(String(decoding: bytes, as: UTF8.self))
  }

  /// Lines that cannot be understood are left out.
  init(_ text: String) {
    mounts = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), dash + 1 < fields.count,
        let id = Int(fields[0])
      else { return nil }
      return Mount(
        id: id, root: String(decoding: MountPoints.unescaped(fields[3].utf8), as: UTF8.self),
        place: String(decoding: MountPoints.unescaped(fields[4].utf8), as: UTF8.self),
        fileSystem: String(fields[dash + 1]), number: String(fields[2]))
    }
  }

  /// Whether something is mounted at this very place.
  public func holds(_ place: String) -> Bool { mounts.contains { $0.place.nameBytes == place.nameBytes } }

  /// The mount that a file at an absolute path, without links in it, is on.
  func mount(of path: String) -> Mount? {
    func holds(_ place: String) -> Bool {
      place == "/" || path.nameBytes == place.nameBytes || path.nameBytes.starts(with: "\(place)/".nameBytes)
    }
    let longest = mounts.filter { holds($0.place) }.map(\.place.utf8.count).max()
    return mounts.last { holds($0.place) && $0.place.utf8.count == longest }
  }
}
