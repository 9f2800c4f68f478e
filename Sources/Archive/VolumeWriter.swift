import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Writes what the archive holds below open directories; no name is ever followed out of them.
final class VolumeWriter: ArchiveVisitor {
  /// What makes a directory a database that can be opened; its name is given last.
  private static let opener = "CURRENT"
  private static let unopened = ".CURRENT.goud-unpacked"

  private let destination: (String) throws -> String?
  private var roots: [String: VolumeRoot?] = [:]
  private var directories: [(entry: FileEntry, root: VolumeRoot)] = []
  private var openers: [(directory: String, root: VolumeRoot)] = []
  private var open: (entry: FileEntry, file: Descriptor, root: VolumeRoot)?
  private var written: Int64 = 0
  private(set) var losses = Losses()

  init(destination: @escaping (String) throws -> String?) { self.destination = destination }

  func metadata(_ metadata: BackupMetadata) {}

  func entry(_ entry: FileEntry, of volume: String) throws {
    guard let root = try root(of: volume) else { return }
    switch entry.kind {
    case .directory:
      if !entry.path.isEmpty { try root.makeDirectory(entry.path) }
      directories.append((entry, root))
    case .file(let size): try begin(entry, size, in: root)
    case .link(let target):
      try root.inParent(of: entry.path) { try VolumeRoot.link($1, to: target, in: $0, entry, &losses) }
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
    try open.file.apply(open.entry, &losses)
    try open.root.sync.add(open.file, size: written)
    self.open = nil
  }

  /// Waits until all is on the device, names what opens the databases, and sets the directories' attributes.
  func finish(_ cancellation: Cancellation) throws {
    try cancellation.check()
    if !openers.isEmpty {
      for (entry, root) in directories { try root.sync.add(directory: try root.open(directory: entry.path)) }
      try finishFiles()
      for (path, root) in openers { try nameOpener(in: try root.open(directory: path)) }
    }
    // What lies deeper first: the mode of a directory may forbid what is left to do below it.
    for (entry, root) in directories.sorted(by: { $0.entry.path.utf8.count > $1.entry.path.utf8.count }) {
      let directory = try root.open(directory: entry.path)
      try directory.apply(entry, &losses)
      try root.sync.add(directory: directory)
    }
    try finishFiles()
  }

  private func finishFiles() throws { for root in roots.values { try root?.sync.finish() } }

  private func root(of volume: String) throws -> VolumeRoot? {
    if let known = roots[volume] { return known }
    let root = try destination(volume).map { VolumeRoot(try Descriptor.open($0, O_RDONLY | O_DIRECTORY)) }
    roots[volume] = .some(root)
    return root
  }

  private func begin(_ entry: FileEntry, _ size: Int64, in root: VolumeRoot) throws {
    var path = entry.path
    if FileSystem.name(of: path) == Self.opener {
      let parent = path.lastSlash.map { String(path[..<$0]) } ?? ""
      openers.append((parent, root))
      path = parent.isEmpty ? Self.unopened : "\(parent)/\(Self.unopened)"
    }
    let file = try root.inParent(of: path) {
      try Descriptor.open($1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: $0)
    }
    // Room for the whole file, or the end of the attempt; file systems that cannot promise it find out later.
    if size > 0, goud_reserve(file.fd, size) != 0, [ENOSPC, EDQUOT, EFBIG].contains(errno) {
      throw GoudError.system("write", file.path)
    }
    open = (entry, file, root)
    written = 0
  }

  private func nameOpener(in directory: Descriptor) throws {
    let result = goud_renameat2(directory.fd, Self.unopened, directory.fd, Self.opener, GOUD_RENAME_NOREPLACE)
    guard result == 0 else { throw GoudError.system("rename to", "\(directory.path)/\(Self.opener)") }
    try directory.synchronize()
  }
}

/// An open directory that a volume is unpacked into. Names below it are walked step by step, so that no link is
/// followed at any depth.
struct VolumeRoot {
  private let directory: Descriptor
  let sync: DeviceSync

  init(_ directory: Descriptor) {
    self.directory = directory
    sync = DeviceSync(directory)
  }

  func makeDirectory(_ path: String) throws {
    try inParent(of: path) { parent, name in
      guard mkdirat(parent.fd, name, 0o700) == 0 || errno == EEXIST else {
        throw GoudError.system("create", "\(parent.path)/\(name)")
      }
    }
  }

  /// Runs `body` with the directory that holds `path`, and the name in it. Archives of other tools may leave a file's
  /// directory out; it is created then.
  func inParent<Result>(of path: String, _ body: (Descriptor, String) throws -> Result) throws -> Result {
    guard let slash = path.lastSlash else { return try body(directory, path) }
    let parent = String(path[..<slash])
    let name = String(path[path.utf8.index(after: slash)...])
    let held: Descriptor
    do {
      held = try open(directory: parent)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      try makeDirectory(parent)
      held = try open(directory: parent)
    }
    return try body(held, name)
  }

  func open(directory path: String) throws -> Descriptor {
    try path.pathComponents().reduce(directory) {
      try Descriptor.open($1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: $0)
    }
  }

  static func link(
    _ name: String, to target: String, in parent: Descriptor, _ entry: FileEntry, _ losses: inout Losses
  ) throws {
    let path = "\(parent.path)/\(name)"
    guard symlinkat(target, parent.fd, name) == 0 else { throw GoudError.system("link", path) }
    if entry.ownerNeedsChange(&losses),
      fchownat(parent.fd, name, entry.owner, entry.group, AT_SYMLINK_NOFOLLOW) != 0
    {
      try entry.ownerRefused(path, &losses)
    }
    _ = utimensat(parent.fd, name, entry.times, AT_SYMLINK_NOFOLLOW)
  }
}

extension Descriptor {
  /// Owner, attributes, mode and time, in the order in which one does not undo another.
  fileprivate func apply(_ entry: FileEntry, _ losses: inout Losses) throws {
    if entry.ownerNeedsChange(&losses), fchown(fd, entry.owner, entry.group) != 0 {
      try entry.ownerRefused(path, &losses)
    }
    for (name, value) in entry.attributes where fsetxattr(fd, name, value, value.count, 0) != 0 {
      guard [EOPNOTSUPP, EPERM, EACCES].contains(errno) else { throw GoudError.system("set \(name) of", path) }
      losses.add("the extended attribute \(name) was refused by the file system")
    }
    guard fchmod(fd, mode_t(entry.mode)) == 0 else { throw GoudError.system("chmod", path) }
    guard futimens(fd, entry.times) == 0 else { throw GoudError.system("set the time of", path) }
  }
}

extension FileEntry {
  fileprivate var times: [timespec] {
    let time = timespec(tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds))
    return [time, time]
  }

  /// Whether the owner can be set: by root alone.
  fileprivate func ownerNeedsChange(_ losses: inout Losses) -> Bool {
    if FileSystem.mayChangeOwners { return true }
    if owner != geteuid() || group != getegid() {
      losses.add("the owner is not restored, as goud does not run as root")
    }
    return false
  }

  /// A root whose powers are curtailed (a container's) may not have this owner.
  fileprivate func ownerRefused(_ path: String, _ losses: inout Losses) throws {
    guard [EPERM, EINVAL].contains(errno) else { throw GoudError.system("chown", path) }
    losses.add("the owner \(owner):\(group) may not be set here")
  }
}
