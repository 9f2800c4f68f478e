import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The folders of a directory as a store: made when something is put there, gone when nothing is left in them.
///
/// Each is looked after once by a store: it is made, it and the ones above are brought to the device, and what killed runs
/// left in it is removed. Up to `remembered` folders are known to be in order; then it begins anew.
final class DirectoryFolders: Sendable {
  private let location: String
  private let ready = Mutex<Set<String>>([])
  private static let remembered = 4096

  init(_ location: String) { self.location = location }

  /// - Parameter folder: "" is the location itself.
  func path(_ folder: String) -> String { folder.isEmpty ? location : "\(location)/\(folder)" }

  /// Makes a folder that something is put into.
  func prepare(_ folder: String) throws {
    guard !ready.withLock({ $0.contains(folder) }) else { return }
    if folder.isEmpty {
      try makeLocation()
    } else {
      let above = BlobName.folder(of: folder)
      try prepare(above)
      let path = path(folder)
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw GoudError.system("create", path) }
      // Also when it is there: whoever made it may not have come to this yet.
      try FileSystem.synchronize(directory: self.path(above))
    }
    try Leftovers(in: path(folder)).remove()
    ready.withLock { folders in
      if folders.count >= Self.remembered { folders.removeAll() }
      folders.insert(folder)
    }
  }

  /// Somebody removed one of them.
  func forget() { ready.withLock { $0.removeAll() } }

  /// Removes a folder in which nothing is left, and those above: down to the ones directly below the location, which stay.
  func removeEmpty(_ folder: String) {
    var folder = folder
    while folder.containsSlash {
      if rmdir(path(folder)) != 0 {
        guard errno == ENOTEMPTY || errno == EEXIST, ready.withLock({ !$0.contains(folder) }),
          let left = try? Leftovers(in: path(folder)).remove(), !left.isEmpty, rmdir(path(folder)) == 0
        else { return }
      }
      _ = ready.withLock { $0.remove(folder) }
      folder = BlobName.folder(of: folder)
    }
  }

  private func makeLocation() throws {
    var made: [String] = []
    var path = location
    while try FileSystem.status(path) == nil, path != FileSystem.parent(of: path) {
      made.append(path)
      path = FileSystem.parent(of: path)
    }
    do {
      try FileSystem.makePrivateDirectory(location)
    } catch let error as GoudError {
      throw GoudError(error.code, "cannot create \(location)", hint: "name another place with -c", cause: error)
    }
    for path in made { try FileSystem.synchronize(directory: FileSystem.parent(of: path)) }
  }
}
