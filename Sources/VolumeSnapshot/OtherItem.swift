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
    FileEntry(path, kind: kind, status: try status(), attributes: try attributes())
  }

  /// The extended attributes, without those that belong to the machine (`security.selinux`) and those whose names are
  /// not UTF-8, which a tar's records cannot hold.
  /// - Throws: when one that is there cannot be read; one that has gone meanwhile is not there.
  private func attributes() throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for bytes in try attributeNames().split(separator: 0) {
      guard let name = String(validating: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self),
        name != "security.selinux"
      else { continue }
      var value = [UInt8](repeating: 0, count: Self.longestAttribute)
      let count = fgetxattr(fd, name, &value, value.count)
      if count < 0 {
        if errno == ENODATA { continue }
        throw GoudError.system("read attribute \(name) of", path)
      }
      result[name] = Array(value[..<count])
    }
    return result
  }

  /// Each ended by a zero.
  private func attributeNames() throws -> ArraySlice<CChar> {
    if flistxattr(fd, nil, 0) == 0 { return [] }
    var names = [CChar](repeating: 0, count: Self.longestAttribute)
    let length = flistxattr(fd, &names, names.count)
    if length < 0 { return errno == EOPNOTSUPP ? [] : try { throw GoudError.system("list attributes of", path) }() }
    return names[..<length]
  }

  /// What Linux allows a value, and a list of names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
  private static let longestAttribute = 65536
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
