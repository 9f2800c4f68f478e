import Chain
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Puts a standing into a volume without a trace in owner or time.
enum StandingMark {
  /// - Parameter volume: what the marked data takes the place of. Its node knows the standing there, and takes what is
  ///   written here for a later one.
  static func write(_ standing: VolumeStanding, in root: String, over volume: String) throws {
    let present = (try? VolumeStanding.read(in: volume))?.serial ?? 0
    try keepingTime(of: root) {
      try standing.write(in: root, after: present)
      try Ownership.adopt("\(root)/\(VolumeName.standing)", of: root)
    }
  }

  /// Removes one that came with a backup: it vouches for a disk, and for no copy of it.
  static func remove(from root: String) throws {
    let path = "\(root)/\(VolumeName.standing)"
    guard try FileSystem.status(path) != nil else { return }
    try keepingTime(of: root) {
      guard unlink(path) == 0 else { throw GoudError.system("remove", path) }
      try FileSystem.synchronize(directory: root)
    }
  }

  private static func keepingTime(of root: String, _ body: () throws -> Void) throws {
    let directory = try Descriptor.open(root, O_RDONLY | O_DIRECTORY)
    let modified = try directory.status().st_mtim
    try body()
    try directory.setModified(modified)
  }
}

/// Files that root makes in a node's volume must stay the node's.
enum Ownership {
  /// Gives a file the owner of `directory`; only root can, and only root needs to.
  static func adopt(_ path: String, of directory: String) throws {
    guard FileSystem.mayChangeOwners, let owner = try FileSystem.status(directory),
      let own = try FileSystem.status(path), own.st_uid != owner.st_uid || own.st_gid != owner.st_gid
    else { return }
    guard lchown(path, owner.st_uid, owner.st_gid) == 0 else { throw GoudError.system("chown", path) }
  }

  /// The same for everything in a directory, one level deep.
  static func adopt(allIn directory: String) throws {
    for name in try FileSystem.names(in: directory) { try adopt("\(directory)/\(name)", of: directory) }
  }
}
