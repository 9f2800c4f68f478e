import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Writes what the archive holds below open directories; no name is ever followed out of them. What is left to do at the
/// end is put aside on disk: memory does not grow with the number of files, or with what is attached to them.
final class VolumeWriter: ArchiveVisitor {
  /// What makes a directory a database that can be opened; its name is given last.
  private static let opener = "CURRENT"
  private static let unopened = ".CURRENT.goud-unpacked"

  private let destination: (String) throws -> String?
  private let arrived: (Descriptor, FileEntry) throws -> Void
  private let allowance: Allowance
  private var roots: [String: VolumeRoot?] = [:]
  /// The volumes in the order in which they came; what is put aside names them by number.
  private var volumes: [VolumeRoot] = []
  private var numbers: [String: Int] = [:]
  private var later: Later?
  private var open: OpenFile?
  private(set) var losses = Losses()

  /// A file that is being made.
  struct OpenFile {
    let entry: FileEntry
    let file: Descriptor
    let root: VolumeRoot
    var written: Int64 = 0
    var position: Int64 = 0
  }

  /// What is left to do when everything is unpacked.
  private struct Later {
    let directories: RecordSpool
    let openers: RecordSpool

    init(in directory: Descriptor) {
      directories = RecordSpool(in: directory)
      openers = RecordSpool(in: directory)
    }
  }

  /// - Parameter arrived: told of every file that is whole and keeps its times; open for reading and writing.
  init(
    allowance: Allowance, arrived: @escaping (Descriptor, FileEntry) throws -> Void = { _, _ in },
    destination: @escaping (String) throws -> String?
  ) {
    self.allowance = allowance
    self.arrived = arrived
    self.destination = destination
  }

  func metadata(_ metadata: BackupMetadata) {}

  func entry(_ entry: FileEntry, of volume: String) throws {
    guard let root = try root(of: volume), let later else { return }
    let entry = allowance.allowed(entry, &losses)
    let number = numbers[volume] ?? 0
    switch entry.kind {
    case .directory:
      if !entry.path.isEmpty { try root.makeDirectory(entry.path) }
      var record = RecordWriter()
      record.put(number)
      entry.write(to: &record)
      try later.directories.append(record.bytes)
    case .file(let size): try begin(entry, size, in: root, number)
    case .secondName(let first):
      let path = try stored(entry.path, number)
      try root.link(path, to: Self.storedPath(first), &losses)
    case .link(let target):
      try root.inParent(of: entry.path) { try VolumeRoot.link($1, to: target, in: $0, entry, allowance, &losses) }
    }
  }

  /// - Returns: false when nothing was done.
  func adopt(_ file: Descriptor, as entry: FileEntry, of volume: String) throws -> Bool {
    guard let root = try root(of: volume), later != nil, !allowance.isBare, !Self.isOpener(entry.path) else {
      return false
    }
    let status = try file.status()
    guard UInt32(status.st_mode) & 0o7777 == entry.mode, status.st_uid == entry.owner, status.st_gid == entry.group,
      Int64(status.st_mtim.tv_sec) == entry.modified.seconds,
      Int32(status.st_mtim.tv_nsec) == entry.modified.nanoseconds,
      entry.attributes.isEmpty, flistxattr(file.fd, nil, 0) == 0, allowance.allowed(entry, &losses) == entry
    else { return false }
    let isLinked = try root.inParent(of: entry.path) { parent, name in
      if linkat(AT_FDCWD, "/proc/self/fd/\(file.fd)", parent.fd, name, AT_SYMLINK_FOLLOW) == 0 { return true }
      // Another file system, one without second names, too many of them, or the file was deleted.
      guard [EXDEV, EPERM, EOPNOTSUPP, ENOSYS, EMLINK, ENOENT].contains(errno) else {
        throw GoudError.system("link", "\(parent.path)/\(name)")
      }
      return false
    }
    guard isLinked else { return false }
    try root.sync.add(file, size: Int64(status.st_size))
    try arrived(file, entry)
    return true
  }

  func data(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    guard let file = open?.file, let position = open?.position else { return }
    if offset != position, lseek(file.fd, off_t(offset), SEEK_SET) < 0 {
      throw GoudError.system("seek in", file.path)
    }
    try file.write(bytes)
    open!.position = offset + Int64(bytes.count)
    open!.written += Int64(bytes.count)
    // Begin to write back early, so that the final fsync finds little left.
    if open!.written % (32 << 20) < Int64(bytes.count) { goud_start_writeback(file.fd, 0, 0) }
  }

  func endFile() throws {
    guard let open else { return }
    if case .file(let size) = open.entry.kind, open.position < size, ftruncate(open.file.fd, off_t(size)) != 0 {
      throw GoudError.system("write", open.file.path)
    }
    try open.file.apply(open.entry, allowance, &losses)
    try open.root.sync.add(open.file, size: open.written)
    try arrived(open.file, open.entry)
    self.open = nil
  }

  /// Puts aside the file that is being made; others may be made before it goes on.
  /// - Returns: nil when there is none.
  func pause() -> OpenFile? {
    defer { open = nil }
    return open
  }

  func resume(_ file: OpenFile) { open = file }

  /// Waits until all is on the device, names what opens the databases, and sets the directories' attributes.
  func finish(_ cancellation: Cancellation) throws {
    try cancellation.check()
    guard let later else { return }
    if !later.openers.isEmpty {
      try later.directories.each {
        let (_, directory, root) = try directory($0)
        try root.sync.add(directory: directory)
      }
      try finishFiles()
      try later.openers.each { record in
        let (root, path) = place(record)
        try nameOpener(in: try root.open(directory: path))
      }
    }
    // What lies deeper first: the mode of a directory may forbid what is left to do below it.
    try later.directories.eachReversed { record in
      let (entry, directory, root) = try directory(record)
      try directory.apply(entry, allowance, &losses)
      try root.sync.add(directory: directory)
    }
    try finishFiles()
  }

  private func finishFiles() throws { for root in volumes { try root.sync.finish() } }

  private func directory(_ bytes: [UInt8]) throws -> (entry: FileEntry, open: Descriptor, root: VolumeRoot) {
    var record = RecordReader(bytes)
    let root = volumes[record.number(Int.self)]
    let entry = FileEntry(from: &record)
    return (entry, try root.open(directory: entry.path), root)
  }

  private func place(_ bytes: [UInt8]) -> (VolumeRoot, String) {
    var record = RecordReader(bytes)
    return (volumes[record.number(Int.self)], record.text())
  }

  private func put(_ path: String, of volume: Int, in spool: RecordSpool) throws {
    var record = RecordWriter()
    record.put(volume)
    record.put(path)
    try spool.append(record.bytes)
  }

  private func root(of volume: String) throws -> VolumeRoot? {
    if let known = roots[volume] { return known }
    let root = try destination(volume).map { VolumeRoot(try Descriptor.open($0, O_RDONLY | O_DIRECTORY)) }
    roots[volume] = .some(root)
    if let root {
      numbers[volume] = volumes.count
      volumes.append(root)
      if later == nil { later = Later(in: root.directory) }
    }
    return root
  }

  /// Where a file is until all is proven.
  private static func storedPath(_ path: String) -> String {
    guard isOpener(path) else { return path }
    let parent = FileSystem.parent(of: path)
    return parent == "." ? unopened : "\(parent)/\(unopened)"
  }

  private static func isOpener(_ path: String) -> Bool { FileSystem.name(of: path).nameBytes == opener.nameBytes }

  private func stored(_ path: String, _ volume: Int) throws -> String {
    let stored = Self.storedPath(path)
    if stored.nameBytes != path.nameBytes, let later {
      try put(path.lastSlash.map { String(path[..<$0]) } ?? "", of: volume, in: later.openers)
    }
    return stored
  }

  private func begin(_ entry: FileEntry, _ size: Int64, in root: VolumeRoot, _ volume: Int) throws {
    let path = try stored(entry.path, volume)
    let file = try root.inParent(of: path) {
      try Descriptor.open($1, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, in: $0)
    }
    // Room for the whole file, or the end of the attempt; file systems that cannot promise it find out later, and so do
    // small files, of which there are thousands.
    if size >= DeviceSync.small, entry.extents == nil, goud_reserve(file.fd, size) != 0,
      [ENOSPC, EDQUOT, EFBIG].contains(errno)
    {
      throw GoudError.system("write", file.path)
    }
    open = OpenFile(entry: entry, file: file, root: root)
  }

  private func nameOpener(in directory: Descriptor) throws {
    try Placement(Self.unopened, as: Self.opener, in: directory).run()
    try directory.synchronize()
  }
}

/// An open directory that a volume is unpacked into. Names below it are walked step by step, so that no link is
/// followed at any depth.
struct VolumeRoot {
  let directory: Descriptor
  let sync: DeviceSync
  /// The directory that was asked for last, which most often is the next one as well.
  private let last = Last()

  private final class Last { var path: String?, directory: Descriptor? }

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
    if last.path?.nameBytes != parent.nameBytes || last.directory == nil {
      do {
        last.directory = try open(directory: parent)
      } catch let error as GoudError where error.systemErrno == ENOENT {
        try makeDirectory(parent)
        last.directory = try open(directory: parent)
      }
      last.path = parent
    }
    return try body(last.directory!, name)
  }

  func open(directory path: String) throws -> Descriptor {
    try path.pathComponents().reduce(directory) {
      try Descriptor.open($1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: $0)
    }
  }

  /// Gives the file at `first` the further name `path`; where the file system knows no such thing, a copy.
  func link(_ path: String, to first: String, _ losses: inout Losses) throws {
    try inParent(of: first) { from, name in
      try inParent(of: path) { parent, other in
        if linkat(from.fd, name, parent.fd, other, 0) == 0 { return }
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(errno) else {
          throw GoudError.system("link", "\(parent.path)/\(other)")
        }
        try Self.copy(name, in: from, to: other, in: parent)
        losses.add("a second name of a file became a copy, as the file system knows no second names")
      }
    }
  }

  private static func copy(_ name: String, in from: Descriptor, to other: String, in parent: Descriptor) throws {
    let source = try Descriptor.open(name, O_RDONLY | O_NOFOLLOW, in: from)
    let status = try source.status()
    let copy = try Descriptor.open(other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: parent)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset: Int64 = 0
    while case let count = try source.read(into: buffer, at: offset), count > 0 {
      try copy.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += Int64(count)
    }
    guard fchmod(copy.fd, status.st_mode & 0o7777) == 0 || errno == EPERM else {
      throw GoudError.system("chmod", copy.path)
    }
    try copy.synchronize()
  }

  static func link(
    _ name: String, to target: String, in parent: Descriptor, _ entry: FileEntry, _ allowance: Allowance,
    _ losses: inout Losses
  ) throws {
    let path = "\(parent.path)/\(name)"
    guard symlinkat(target, parent.fd, name) == 0 else { throw GoudError.system("link", path) }
    guard !allowance.isBare else { return }
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
  fileprivate func apply(_ entry: FileEntry, _ allowance: Allowance, _ losses: inout Losses) throws {
    guard !allowance.isBare else { return }
    if entry.ownerNeedsChange(&losses), fchown(fd, entry.owner, entry.group) != 0 {
      try entry.ownerRefused(path, &losses)
    }
    for (name, value) in entry.attributes where fsetxattr(fd, name, value, value.count, 0) != 0 {
      guard [EOPNOTSUPP, EPERM, EACCES].contains(errno) else { throw GoudError.system("set \(name) of", path) }
      losses.add("the extended attribute \(name) was refused by the file system")
    }
    try losses.add("mode", unless: fchmod(fd, mode_t(entry.mode)), of: path)
    try losses.add("time", unless: futimens(fd, entry.times), of: path)
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
