import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Whether a place lies in a directory, by what the two are: links, bind mounts and other spellings of a path are seen
/// through, and of a place that does not exist yet the nearest parent that does is looked at. Nothing is changed.
public struct Containment {
  private let table: MountTable

  public init() throws { table = try MountTable.read() }

  /// - Parameters:
  ///   - path: may not exist.
  ///   - volume: a directory.
  /// - Returns: also true when both are the same.
  public func holds(_ path: String, in volume: String) throws -> Bool {
    let place = try Descriptor.open(try nearest(path), O_RDONLY | O_DIRECTORY)
    let root = try Descriptor.open(volume, O_RDONLY | O_DIRECTORY)
    if try isBelow(place, try root.status().identity) { return true }
    guard let inner = try origin(of: place), let outer = try origin(of: root) else { return false }
    if inner.isInside(outer) { return true }
    // What is mounted in the volume is in it, too.
    guard let top = FileSystem.realPath(volume) else { return false }
    return table.mounts.contains { mount in
      Origin.isPath(mount.place, inside: top) && inner.isInside(Origin(number: mount.number, path: mount.root))
    }
  }

  /// - Throws: `backup.inside-volume` when a place that would be written to lies in one of the volumes.
  public func refuse(_ path: String, inAnyOf volumes: [Volume], hint: String) throws {
    for volume in volumes where try holds(path, in: volume.path) {
      throw GoudError(
        .backupInsideVolume,
        "\(path) lies in the volume \(volume.name) (\(volume.path)), which it is to hold a backup of",
        hint: hint, context: ["path": path, "volume": volume.path])
    }
  }

  /// The directory itself, or the nearest of its parents that is there.
  private func nearest(_ path: String) throws -> String {
    var path = path
    while true {
      if let real = FileSystem.realPath(path), try FileSystem.status(real)?.isDirectory == true { return real }
      guard path != "/", path != "." else { return path }
      path = FileSystem.parent(of: path)
    }
  }

  /// Walks up, by the directories themselves.
  private func isBelow(_ place: Descriptor, _ root: FileIdentity) throws -> Bool {
    var place = place
    while true {
      let identity = try place.status().identity
      if identity == root { return true }
      guard let parent = try? Descriptor.open("..", O_RDONLY | O_DIRECTORY, in: place),
        try parent.status().identity != identity
      else { return false }
      place = parent
    }
  }

  /// Where a directory is on its own file system, however it is mounted here; nil where `/proc` does not tell.
  private func origin(of directory: Descriptor) throws -> Origin? {
    guard let info = try? Descriptor.open("/proc/self/fdinfo/\(directory.fd)", O_RDONLY).readAll(limit: 1 << 16),
      let line = String(decoding: info, as: UTF8.self).split(separator: "\n").first(where: { $0.hasPrefix("mnt_id:") }),
      let id = Int(line.dropFirst("mnt_id:".count).trimmingCharacters(in: .whitespaces)),
      let mount = table.mounts.first(where: { $0.id == id }),
      let path = FileSystem.realPath("/proc/self/fd/\(directory.fd)"), Origin.isPath(path, inside: mount.place)
    else { return nil }
    let rest = mount.place == "/" ? path : String(decoding: path.utf8.dropFirst(mount.place.utf8.count), as: UTF8.self)
    return Origin(number: mount.number, path: mount.root == "/" ? rest : mount.root + rest)
  }

  private struct Origin {
    /// `major:minor` of the file system.
    let number: String
    /// Below its root.
    let path: String

    func isInside(_ other: Origin) -> Bool { number == other.number && Self.isPath(path, inside: other.path) }

    static func isPath(_ path: String, inside directory: String) -> Bool {
      let (path, directory) = (path.pathComponents(), directory.pathComponents())
      return path.starts(with: directory) { $0.nameBytes == $1.nameBytes }
    }
  }
}
