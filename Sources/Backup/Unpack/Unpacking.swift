import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// A directory beside an archive for looking into it; gone when this is, or at the next run.
struct Unpacking {
  private let place: Temporary

  init(in parent: String) throws {
    let parent = try Descriptor.open(parent, O_RDONLY | O_DIRECTORY)
    try Leftovers(in: parent).remove()
    place = try Temporary.create(.unpacked, in: parent)
  }

  func directory(for volume: String) throws -> String {
    let directory = "\(place.path)/\(volume)"
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw GoudError.system("create", directory) }
    return directory
  }
}
