import CGoudLinux
public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Questions to the file system, each answered or thrown; nothing here changes a file.
public enum FileSystem {
  /// Whether this process may give files to other users: root, or whom root has lent the power.
  public static let mayChangeOwners = geteuid() == 0 || goud_may_chown() != 0

  /// The names in a directory, unsorted, without `.` and `..`. Names that are not UTF-8 are an error: no archive
  /// could carry them back unharmed.
  public static func names(in directory: String) throws -> [String] {
    guard let stream = opendir(directory) else { throw GoudError.system("list", directory) }
    defer { closedir(stream) }
    var result: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw GoudError.system("list", directory) }
        return result
      }
      let name = try withUnsafePointer(to: &entry.pointee.d_name) {
        try $0.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes -> String in
          let length = strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
          guard let name = String(validating: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self) else {
            throw GoudError(.ioFailed, "a file name in \(directory) is not UTF-8", hint: "rename it, or move it away")
          }
          return name
        }
      }
      if name != "." && name != ".." { result.append(name) }
    }
  }

  /// The names in an open directory that are UTF-8, unsorted, without `.` and `..`. The others are somebody else's files:
  /// for directories in which only what bears one of Goud's own names matters.
  public static func knownNames(in directory: Descriptor) throws -> [String] {
    try entries(of: directory).compactMap {
      String(validating: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  public static func knownNames(in directory: String) throws -> [String] {
    try knownNames(in: Descriptor.open(directory, O_RDONLY | O_DIRECTORY))
  }

  /// The names in an open directory as they are, ending with 0, without `.` and `..`.
  static func entries(of directory: Descriptor) throws -> [[CChar]] {
    // An open file description of its own: the position in a directory belongs to that.
    let fd = openat(directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard fd >= 0 else { throw GoudError.system("list", directory.path) }
    guard let stream = fdopendir(fd) else {
      defer { close(fd) }
      throw GoudError.system("list", directory.path)
    }
    defer { closedir(stream) }
    let own: [[CChar]] = [Array(".".utf8CString), Array("..".utf8CString)]
    var result: [[CChar]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw GoudError.system("list", directory.path) }
        return result
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) {
          Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
        }
      }
      if !own.contains(name) { result.append(name) }
    }
  }

  /// What a path names, without following a link at its end; nil when nothing is there.
  public static func status(_ path: String) throws -> stat? {
    var result = stat()
    if lstat(path, &result) == 0 { return result }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw GoudError.system("stat", path)
  }

  /// The path with every link followed; nil when it does not exist.
  public static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The room on the file system that holds `path`; endless where that does not tell (some of FUSE say 0 of 0).
  public static func room(at path: String) throws -> Room {
    var result = statvfs()
    guard statvfs(path, &result) == 0 else { throw GoudError.system("statvfs", path) }
    let unit = UInt64(result.f_frsize > 0 ? result.f_frsize : result.f_bsize)
    func bytes(_ blocks: UInt64) -> ByteCount {
      let (product, overflow) = blocks.multipliedReportingOverflow(by: unit)
      return ByteCount(overflow ? .max : Int64(clamping: product))
    }
    if result.f_blocks == 0 { return Room(total: bytes(0), free: bytes(0), available: ByteCount(Int64.max)) }
    return Room(
      total: bytes(UInt64(result.f_blocks)), free: bytes(UInt64(result.f_bfree)),
      available: bytes(UInt64(result.f_bavail)))
  }

  /// The parent of a path: `/a/b` → `/a`, `b` → `.`.
  public static func parent(of path: String) -> String {
    guard let slash = path.lastSlash else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The last component of a path.
  public static func name(of path: String) -> String {
    path.pathComponents().last ?? path
  }

  /// Makes a directory that only its owner may look into (0700), and its parents as the umask has them; one that is there
  /// stays as it is.
  public static func makePrivateDirectory(_ path: String) throws {
    var missing: [String] = []
    var path = path
    while mkdir(path, missing.isEmpty ? 0o700 : 0o777) != 0 {
      if errno == EEXIST { break }
      guard errno == ENOENT, path != "/", path != "." else { throw GoudError.system("create", path) }
      missing.append(path)
      path = parent(of: path)
    }
    for (left, path) in missing.enumerated().reversed() where mkdir(path, left == 0 ? 0o700 : 0o777) != 0 {
      guard errno == EEXIST else { throw GoudError.system("create", path) }
    }
  }

  /// Waits until the names in a directory are on the device.
  public static func synchronize(directory: String) throws {
    try Descriptor.open(directory, O_RDONLY | O_DIRECTORY).synchronize()
  }
}

/// The size of a file system and what is left of it.
public struct Room: Sendable, Codable {
  public let total: ByteCount
  public let free: ByteCount
  /// What an unprivileged process may still write.
  public let available: ByteCount

  public init(total: ByteCount, free: ByteCount, available: ByteCount) {
    self.total = total
    self.free = free
    self.available = available
  }

  /// Used share of the file system in percent, as `df` counts it: used / (used + available).
  public var usedPercent: Double {
    let used = Double(total.bytes - free.bytes)
    let usable = used + Double(available.bytes)
    return usable > 0 ? used / usable * 100 : 0
  }
}

extension stat {
  public var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
  public var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
  public var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
  /// Which file this is, whatever its name.
  public var identity: FileIdentity { FileIdentity(device: UInt64(st_dev), inode: UInt64(st_ino)) }
  /// Whether it is a file that anybody at all may read or write.
  public var isEverybodys: Bool { isRegular && st_mode & 0o006 != 0 }
}

/// Device and inode: equal for two names of one file.
public struct FileIdentity: Hashable, Sendable {
  public let device: UInt64
  public let inode: UInt64
}
