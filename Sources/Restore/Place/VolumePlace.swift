import CGoudLinux
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Where a volume is or will be, and the names that Goud uses for it (`RestoreName`): beside it or, where it is a mount
/// point, in its root.
public struct VolumePlace: Sendable {
  /// Absolute, links followed; it need not exist.
  public let path: String
  /// The directory that holds it; it need not exist either.
  public let directory: String
  public let name: String
  /// The directory in which the user, or the catalog, finds it by name: another one than `directory` when it is a link.
  let catalog: String

  /// - Parameter path: relative ones start at the working directory.
  /// - Throws: `usage.invalid` for a path without a name of its own; `restore.not-a-volume` for a link to nowhere.
  public init(_ path: String) throws {
    let resolved = try Self.resolve(path)
    guard let last = resolved.pathComponents().last, last != ".." else {
      throw GoudError(.usage, "'\(path)' cannot be a volume", hint: "name a directory")
    }
    self.path = resolved
    name = last
    directory = FileSystem.parent(of: resolved)
    catalog = FileSystem.realPath(FileSystem.parent(of: path)) ?? directory
  }

  /// The nearest ancestor that exists with its links followed, then the rest as it is written.
  private static func resolve(_ path: String) throws -> String {
    if let real = FileSystem.realPath(path) { return real }
    var trimmed = path
    while trimmed.utf8.last == UInt8(ascii: "/") { trimmed.unicodeScalars.removeLast() }
    guard !trimmed.isEmpty else { return "/" }
    guard try FileSystem.status(trimmed) == nil else {
      throw GoudError(
        .restoreNotAVolume, "\(path) is a link that leads nowhere", hint: "remove the link, or name its target",
        context: ["path": path])
    }
    let parent = try resolve(FileSystem.parent(of: trimmed))
    return parent == "/" ? "/\(FileSystem.name(of: trimmed))" : "\(parent)/\(FileSystem.name(of: trimmed))"
  }

  /// Volumes that lie elsewhere and are known here by a link (Docker's), by name.
  static func linked(in directory: String) throws -> [VolumePlace] {
    try FileSystem.knownNames(in: directory).sorted().compactMap { name in
      let path = "\(directory)/\(name)"
      guard !name.hasPrefix("."), try FileSystem.status(path)?.isLink == true,
        FileSystem.realPath(path) != nil
      else { return nil }
      return try VolumePlace(path)
    }
  }

  /// Where a restore of it works: inside a mount point, since nothing can take its place; otherwise beside.
  func site() throws -> RestoreName.Site { try FileSystem.isMountRoot(path) ? .inside : .beside }

  /// The directory that such names stand in.
  func holder(_ site: RestoreName.Site) -> String { site == .beside ? directory : path }

  func path(_ kind: RestoreName, _ tail: String, _ site: RestoreName.Site) -> String {
    let holder = holder(site)
    return "\(holder == "/" ? "" : holder)/\(kind.prefix(site, of: name))\(tail)"
  }

  var lockFile: String { "\(directory == "/" ? "" : directory)/.\(name).goud-lock" }

  /// The tails of the names of one kind that are there, sorted.
  func tails(_ kind: RestoreName, _ site: RestoreName.Site) throws -> [String] {
    guard try FileSystem.status(holder(site))?.isDirectory == true else { return [] }
    do {
      return try FileSystem.knownNames(in: holder(site)).compactMap { kind.tail(of: $0, site, of: name) }.sorted()
    } catch let error as GoudError where error.code == .ioPermission && site == .inside {
      // Nobody who may not even look inside has worked there; a mount point may hold what another user's run left.
      guard try !FileSystem.isMountRoot(path) else { throw error }
      return []
    }
  }
}

extension VolumePlace: Hashable {
  public static func == (left: VolumePlace, right: VolumePlace) -> Bool { left.path == right.path }
  public func hash(into hasher: inout Hasher) { hasher.combine(path) }
}
