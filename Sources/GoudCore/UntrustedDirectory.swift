#if canImport(Glibc)
  public import Glibc
#endif

/// An open directory whose content somebody else decides: a volume, or a place in one.
///
/// Everything in it is opened below the open directory itself, one component after the other. No link is followed, in
/// no component; nothing waits for the other end of a pipe, and no device is touched. So whatever is exchanged meanwhile,
/// nothing outside is reached. Paths are relative, without `..`; what they are joined to (`path`) is for messages only.
public struct UntrustedDirectory: Sendable {
  /// What to do about a name that leads to something else than was asked for, or through a link.
  public enum Others: Sendable {
    /// Throw `volume.unsafe-entry`, naming it.
    case refused
    /// Return nil, as if nothing were there.
    case absent
  }

  /// Open for reading.
  public let descriptor: Descriptor

  public var path: String { descriptor.path }

  private init(_ descriptor: Descriptor) { self.descriptor = descriptor }

  /// Opens the place that the user named; links on the way to it are the user's.
  public init(root: String) throws {
    self.init(try Descriptor.open(root, O_RDONLY | O_DIRECTORY))
  }

  /// A directory below this one; `.` is this one.
  /// - Returns: nil when it is not there.
  /// - Throws: `volume.unsafe-entry` for what is no directory, unless such are `absent`.
  public func directory(_ path: String, others: Others = .refused) throws -> UntrustedDirectory? {
    var here = self
    for name in try Self.components(path) {
      guard let next = try here.child(EntryName(name), others) else { return nil }
      here = next
    }
    return here
  }

  /// Opens a regular file below this directory.
  /// - Parameter flags: `O_RDONLY` or `O_RDWR`, and what else belongs to them; nothing is created.
  /// - Returns: nil when it is not there.
  /// - Throws: `volume.unsafe-entry` for what is no regular file, unless such are `absent`.
  public func file(_ path: String, _ flags: Int32 = O_RDONLY, others: Others = .refused) throws -> Descriptor? {
    guard let (parent, name) = try holder(of: path, others) else { return nil }
    while true {
      // Looked at first: to open a device is to touch it.
      guard let status = try parent.status(of: name) else { return nil }
      guard status.isRegular else { return try parent.refuse(name, status, others) }
      let fd = openat(parent.descriptor.fd, name.bytes, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
      if fd < 0 {
        switch errno {
        case EINTR, ELOOP, ENXIO: continue  // exchanged between the two looks: look again
        case ENOENT: return nil
        default: throw GoudError.system("open", "\(parent.path)/\(name)")
        }
      }
      let file = Descriptor(fd: fd, path: "\(parent.path)/\(name)")
      if try file.status().isRegular { return file }
    }
  }

  /// What a path below this directory names, without following a link at its end.
  /// - Returns: nil when nothing is there, or when the way there leads through something that is no directory.
  public func status(_ path: String) throws -> stat? {
    guard let (parent, name) = try holder(of: path, .absent) else { return nil }
    return try parent.status(of: name)
  }

  /// Where a link points, as it says itself.
  /// - Returns: nil when it is gone, is no link any more, or does not say it in UTF-8.
  public func target(ofLink path: String) throws -> String? {
    guard let (parent, name) = try holder(of: path, .absent) else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = bytes.withUnsafeMutableBytes {
      readlinkat(parent.descriptor.fd, name.bytes, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    if count < 0 && (errno == ENOENT || errno == EINVAL) { return nil }
    guard count >= 0 else { throw GoudError.system("read the link", "\(parent.path)/\(name)") }
    return String(validating: bytes[..<count], as: UTF8.self)
  }

  // MARK: Below

  /// The open directory that holds what `path` names, and its last component.
  private func holder(of path: String, _ others: Others) throws -> (UntrustedDirectory, EntryName)? {
    let names = try Self.components(path)
    guard let last = names.last else { return (self, EntryName(".")) }
    guard let parent = try directory(names.dropLast().joined(separator: "/"), others: others) else { return nil }
    return (parent, EntryName(last))
  }

  /// - Returns: nil when it is not there.
  func child(_ name: EntryName, _ others: Others) throws -> UntrustedDirectory? {
    while true {
      let fd = openat(descriptor.fd, name.bytes, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      if fd >= 0 { return UntrustedDirectory(Descriptor(fd: fd, path: "\(path)/\(name)")) }
      switch errno {
      case EINTR: continue
      case ENOENT: return nil
      case ENOTDIR, ELOOP:
        guard let status = try status(of: name) else { return nil }
        if !status.isDirectory { return try refuse(name, status, others) }
      default: throw GoudError.system("open", "\(path)/\(name)")
      }
    }
  }

  private func status(of name: EntryName) throws -> stat? {
    var result = stat()
    if fstatat(descriptor.fd, name.bytes, &result, AT_SYMLINK_NOFOLLOW) == 0 { return result }
    if errno == ENOENT { return nil }
    throw GoudError.system("stat", "\(path)/\(name)")
  }

  private func refuse<Nothing>(_ name: EntryName, _ status: stat, _ others: Others) throws -> Nothing? {
    if others == .absent { return nil }
    let kind = FileKind(status)
    throw GoudError(
      .volumeUnsafe, "\(path)/\(name) is a \(kind.rawValue), and is not opened",
      hint: "nothing in a volume is followed or waited for: put the file itself there, or move it away",
      context: ["path": "\(path)/\(name)", "kind": kind.rawValue])
  }

  private static func components(_ path: String) throws -> [String] {
    let names = path.pathComponents().filter { $0 != "." }
    guard !path.isAbsolutePath, !names.contains(".."), !path.utf8.contains(0) else {
      throw GoudError(.internalFault, "'\(path)' is no path below a directory")
    }
    return names
  }
}
