import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Where a snapshot keeps what it needs meanwhile; all gone when the process is, however that ends.
///
/// The copies of the logs may take gigabytes: they are files without names where the caller has room for them. A view
/// is a directory of links and needs some kilobytes: it lies in a `PrivatePlace`, in memory where there is one, whatever
/// the other file system can do.
final class Scratch: Sendable {
  private let copies: Descriptor

  init(_ options: SnapshotOptions) throws { copies = try options.openScratch() }

  /// A file that has no name.
  func anonymousFile() throws -> Descriptor { try Temporary.nameless(in: copies) }

  /// An empty directory for a view; removed with the object.
  func view() throws -> Temporary {
    let place = try PrivatePlace.openForLinks()
    try Leftovers(in: place).remove()
    return try Temporary.create(.view, in: place)
  }
}
