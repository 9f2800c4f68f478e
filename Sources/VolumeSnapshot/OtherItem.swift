import CGoudLinux
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A name in a directory of the volume.
struct OtherItem {
  let path: String
  let name: String
  let directory: UntrustedDirectory
  let mount: Int64

  /// nil: gone.
  var kind: FileKind? { get throws { try directory.status(name).map { FileKind($0) } } }
}

extension GoudError {
  /// Whether it says something of one file, not of the whole: that one is left out by its name.
  var isOfOneFile: Bool {
    code == .volumeUnsafe
      || [EACCES, EPERM, EIO, ELOOP, ENOENT, ENOTDIR, ESTALE, ENODATA, ENAMETOOLONG, EUCLEAN, ETIMEDOUT]
        .contains(systemErrno)
  }
}

extension Descriptor {
  /// The mount that the file is reached through; where the kernel does not tell, the device.
  var mount: Int64 {
    let number = goud_mount(fd)
    return number >= 0 ? number : (try? status()).map { Int64(truncatingIfNeeded: $0.st_dev) } ?? -1
  }

  func entry(_ path: String, kind: FileEntry.Kind) throws -> FileEntry {
    FileEntry(path, kind: kind, status: try status(), attributes: try extendedAttributes())
  }
}

extension FileEntry {
  init(
    _ path: String, kind: Kind, status: stat, attributes: [String: [UInt8]] = [:], extents: [Range<Int64>]? = nil
  ) {
    self.init(
      path: path, kind: kind, mode: status.st_mode & 0o7777, owner: status.st_uid, group: status.st_gid,
      modified: (Int64(status.st_mtim.tv_sec), Int32(status.st_mtim.tv_nsec)), attributes: attributes, extents: extents)
  }
}
