import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Where a volume is or will be, and the names that Goud uses beside it.
///
/// For `/srv/volumes/node1_data`, all in `/srv/volumes`, hidden so that nobody takes them for volumes:
///
/// | name | what it is |
/// |---|---|
/// | `.node1_data.restore-<id>` | staging: the new data until the swap, the replaced data for a moment after it |
/// | `.node1_data.swapping-<id>` | the old data for a moment, where the file system cannot exchange |
/// | `.node1_data.replaced-<yyyyMMdd-HHmmss>` | a safety copy |
/// | `.node1_data.discarded-<id>` | on its way to being deleted |
/// | `.node1_data.goud-lock` | the lock of a run |
public struct VolumePlace: Sendable, Hashable {
  /// Absolute, links followed; it need not exist.
  public let path: String
  /// The directory that holds it; it need not exist either.
  public let directory: String
  public let name: String

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

  func staging(_ id: String) -> String { sibling(.restore, id) }
  func aside(_ id: String) -> String { sibling(.swapping, id) }
  func discarded(_ id: String) -> String { sibling(.discarded, id) }
  func safetyCopy(_ stamp: String) -> String { sibling(.replaced, stamp) }
  var lockFile: String { "\(base)/.\(name).goud-lock" }

  enum Sibling: String, CaseIterable {
    case restore, swapping, replaced, discarded
  }

  func sibling(_ kind: Sibling, _ tail: String) -> String { "\(base)/.\(name).\(kind.rawValue)-\(tail)" }

  /// What stands beside the volume, by kind: the part of the name after the dash, sorted.
  func siblings(_ kind: Sibling) throws -> [String] {
    guard try FileSystem.status(directory) != nil else { return [] }
    let prefix = ".\(name).\(kind.rawValue)-"
    return try FileSystem.names(in: directory).filter { $0.hasPrefix(prefix) && $0 != prefix }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  private var base: String { directory == "/" ? "" : directory }
}
