import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Unpacks volumes of an archive into directories of their own, checking all the while what `ArchiveVerifier` checks.
public enum ArchiveExtractor {
  /// - Parameter destination: for a volume's name the directory to unpack it into, which exists and is empty; nil to
  ///   pass over it. Called once for each volume, before its first entry.
  /// - Returns: once every file and directory is durable, with owner, mode, times and attributes, the roots' included.
  ///   The owner is set only by root.
  /// - Throws: what `ArchiveReader` throws, and `io.no-room`. The directories then hold a part; remove them.
  public static func extract(
    path: String, options: ArchiveReadOptions, into destination: @escaping (String) throws -> String?
  ) throws -> ArchiveReport {
    let writer = VolumeWriter(destination: destination)
    let report = try ArchiveReader(path: path, options: options).read(writer)
    try writer.finish()
    return report
  }
}

/// Writes what the archive holds below open directories; no name is ever followed out of them.
private final class VolumeWriter: ArchiveVisitor {
  private let destination: (String) throws -> String?
  private var roots: [String: Descriptor?] = [:]
  /// Set when everything below is there, deepest first.
  private var directories: [(entry: FileEntry, root: Descriptor)] = []
  private var files: [(path: String, root: Descriptor)] = []
  private var open: (entry: FileEntry, file: Descriptor, root: Descriptor)?
  private var written: Int64 = 0

  init(destination: @escaping (String) throws -> String?) { self.destination = destination }

  func metadata(_ metadata: BackupMetadata) {}

  func entry(_ entry: FileEntry, of volume: String) throws {
    guard let root = try root(of: volume) else { return }
    switch entry.kind {
    case .directory:
      if !entry.path.isEmpty { try makeDirectory(entry.path, in: root) }
      directories.append((entry, root))
    case .file(let size):
      let file = try inParent(of: entry.path, root) {
        try Descriptor.open($1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: $0)
      }
      if size > 0, posix_fallocate(file.fd, 0, off_t(size)) == ENOSPC {
        throw GoudError.system("write", file.path, errno: ENOSPC)
      }
      open = (entry, file, root)
      written = 0
    case .link(let target):
      try inParent(of: entry.path, root) { parent, name in
        guard symlinkat(target, parent.fd, name) == 0 else { throw GoudError.system("link", "\(parent.path)/\(name)") }
        let owner = geteuid() == 0 ? (entry.owner, entry.group) : (UInt32.max, UInt32.max)
        _ = fchownat(parent.fd, name, owner.0, owner.1, AT_SYMLINK_NOFOLLOW)
      }
    }
  }

  func data(_ bytes: UnsafeRawBufferPointer) throws {
    guard let open else { return }
    try open.file.write(bytes)
    written += Int64(bytes.count)
    // Begin to write back early, so that the final fsync finds little left.
    if written % (32 << 20) < Int64(bytes.count) { goud_start_writeback(open.file.fd, 0, 0) }
  }

  func endFile() throws {
    guard let open else { return }
    try open.file.apply(open.entry)
    files.append((open.entry.path, open.root))
    self.open = nil
  }

  /// Sets the directories' attributes and waits until all is on the device.
  func finish() throws {
    for (path, root) in files {
      try inParent(of: path, root) { try Descriptor.open($1, O_RDONLY | O_NOFOLLOW, in: $0).synchronize() }
    }
    for (entry, root) in directories.reversed() {
      let directory = try open(directory: entry.path, in: root)
      try directory.apply(entry)
      try directory.synchronize()
    }
  }

  // MARK: Below the root

  private func root(of volume: String) throws -> Descriptor? {
    if let known = roots[volume] { return known }
    let root = try destination(volume).map { try Descriptor.open($0, O_RDONLY | O_DIRECTORY) }
    roots[volume] = .some(root)
    return root
  }

  private func makeDirectory(_ path: String, in root: Descriptor) throws {
    try inParent(of: path, root) { parent, name in
      guard mkdirat(parent.fd, name, 0o700) == 0 || errno == EEXIST else {
        throw GoudError.system("create", "\(parent.path)/\(name)")
      }
    }
  }

  private func inParent<Result>(
    of path: String, _ root: Descriptor, _ body: (Descriptor, String) throws -> Result
  ) throws -> Result {
    guard let slash = path.lastSlash else { return try body(root, path) }
    let parent = String(path[..<slash])
    let name = String(path[path.utf8.index(after: slash)...])
    do {
      return try body(try open(directory: parent, in: root), name)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      // Archives of other tools may leave a file's directory out.
      try makeDirectory(parent, in: root)
      return try body(try open(directory: parent, in: root), name)
    }
  }

  /// Step by step, so that no link is followed at any depth.
  private func open(directory path: String, in root: Descriptor) throws -> Descriptor {
    var present = root
    for component in path.pathComponents() {
      present = try Descriptor.open(component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: present)
    }
    return present
  }
}

extension Descriptor {
  /// Owner (as root), attributes, mode and time, in the order in which one does not undo another.
  fileprivate func apply(_ entry: FileEntry) throws {
    if geteuid() == 0, fchown(fd, entry.owner, entry.group) != 0 { throw GoudError.system("chown", path) }
    for (name, value) in entry.attributes {
      guard fsetxattr(fd, name, value, value.count, 0) == 0 || errno == EOPNOTSUPP || errno == EPERM else {
        throw GoudError.system("set \(name) of", path)
      }
    }
    guard fchmod(fd, mode_t(entry.mode)) == 0 else { throw GoudError.system("chmod", path) }
    let time = timespec(tv_sec: Int(entry.modified.seconds), tv_nsec: Int(entry.modified.nanoseconds))
    guard futimens(fd, [time, time]) == 0 else { throw GoudError.system("set the time of", path) }
  }
}
