import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Where a snapshot keeps what it needs meanwhile; all gone when the process is, however that ends.
///
/// The copies of the logs may take gigabytes: they are files without names where the caller has room for them. A view
/// is a directory of links and needs some kilobytes: it lies in a `PrivatePlace`, whatever the other file system can do.
final class Scratch: Sendable {
  private let copies: Descriptor

  /// - Parameter parent: a directory that exists and may be written to; nil: a private place.
  init(in parent: String?) throws {
    copies = try parent.map { try Descriptor.open($0, O_RDONLY | O_DIRECTORY) } ?? PrivatePlace.open()
  }

  /// A file that has no name.
  func anonymousFile() throws -> Descriptor {
    let fd = goud_open_nameless(copies.fd)
    if fd >= 0 { return Descriptor(fd: fd, path: "a copy in \(copies.path)") }
    // Among them ENOENT and EISDIR: what kernels say that do not know of such files.
    guard [EOPNOTSUPP, EISDIR, EINVAL, ENOENT, ENOSYS, EACCES].contains(errno) else {
      throw GoudError.system("create a file in", copies.path)
    }
    let named = try Temporary.create(.file, for: "copy", in: copies)
    guard unlinkat(copies.fd, named.name.text, 0) == 0 else { throw GoudError.system("unlink", named.path) }
    return named.content
  }

  /// An empty directory for a view; removed with the object.
  func view() throws -> Temporary {
    let place = try PrivatePlace.open()
    try Leftovers(in: place).remove()
    return try Temporary.create(.view, in: place)
  }
}
