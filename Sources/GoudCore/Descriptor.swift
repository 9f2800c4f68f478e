public import CGoudLinux

#if canImport(Glibc)
  public import Glibc
#endif

/// An open file, closed when the last reference goes.
///
/// Reads and writes are whole: they go on after short counts and EINTR. Failures carry the path it was opened by.
public final class Descriptor: Sendable {
  public let fd: Int32
  public let path: String

  /// Takes over `fd`.
  public init(fd: Int32, path: String) {
    self.fd = fd
    self.path = path
  }

  deinit { close(fd) }

  /// Opens `path` (close-on-exec is always added).
  /// - Parameter base: an open directory that a relative `path` starts from; nil: the working directory.
  public static func open(
    _ path: String, _ flags: Int32, mode: mode_t = 0o600, in base: Descriptor? = nil
  ) throws -> Descriptor {
    while true {
      let fd = openat(base?.fd ?? AT_FDCWD, path, flags | O_CLOEXEC, mode)
      if fd >= 0 { return Descriptor(fd: fd, path: base.map { "\($0.path)/\(path)" } ?? path) }
      if errno != EINTR { throw GoudError.system("open", base.map { "\($0.path)/\(path)" } ?? path) }
    }
  }

  public func status() throws -> stat {
    var result = stat()
    guard fstat(fd, &result) == 0 else { throw GoudError.system("stat", path) }
    return result
  }

  /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(fd, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw GoudError.system("read", path)
      }
      done += count
    }
    return done
  }

  /// Reads the whole file.
  /// - Throws: `io.failed` when it is larger than `limit` bytes.
  public func readAll(limit: Int = 64 << 20) throws -> [UInt8] {
    var result: [UInt8] = []
    while true {
      let start = result.count
      let piece = max(4096, start)
      result.append(contentsOf: repeatElement(0, count: piece))
      let count = try result.withUnsafeMutableBytes {
        try read(into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]), at: Int64(start))
      }
      result.removeLast(piece - count)
      guard result.count <= limit else {
        throw GoudError(.ioFailed, "\(path) is larger than the \(ByteCount(limit)) expected of it")
      }
      if count < piece { return result }
    }
  }

  /// Writes all of `bytes` at the present position.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(fd, bytes.baseAddress! + done, bytes.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        throw GoudError.system("write", path)
      }
      guard count > 0 else { throw GoudError(.ioFailed, "write \(path): nothing was taken") }
      done += count
    }
  }

  public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// A pipe. Programs do not inherit it by themselves, not even those that are started while it is made.
  public static func pipe() throws -> (read: Descriptor, write: Descriptor) {
    var ends: [Int32] = [0, 0]
    guard goud_pipe(&ends) == 0 else { throw GoudError.system("create", "a pipe") }
    return (Descriptor(fd: ends[0], path: "pipe"), Descriptor(fd: ends[1], path: "pipe"))
  }

  /// What comes next from a pipe, at most a buffer full.
  /// - Returns: nil at its end.
  public func readPiece(_ buffer: UnsafeMutableRawBufferPointer) throws -> UnsafeRawBufferPointer? {
    while true {
      let count = Glibc.read(fd, buffer.baseAddress, buffer.count)
      if count > 0 { return UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
      if count == 0 { return nil }
      guard errno == EINTR else { throw GoudError.system("read", path) }
    }
  }

  /// Waits until the file's content and size are on the device; of a directory, the names in it, unless its file system
  /// knows no such thing (CIFS, some of FUSE).
  public func synchronize() throws {
    while fsync(fd) != 0 {
      let number = errno
      if number == EINTR { continue }
      if [EINVAL, EOPNOTSUPP, ENOSYS, EBADF].contains(number), try status().isDirectory { return }
      throw GoudError.system("fsync", path, errno: number)
    }
  }
}

extension GoudError {
  /// What `errno` says about `action` on `path`, with the code that fits: room, permission, descriptors, or plain I/O.
  public static func system(_ action: String, _ path: String, errno number: Int32? = nil) -> GoudError {
    let number = number ?? Glibc.errno
    let text = String(cString: strerror(number)).lowercased()
    let context = ["path": path, "errno": "\(number)"]
    switch number {
    case ENOSPC, EDQUOT:
      return GoudError(
        .ioNoRoom, "\(action) \(path): \(text)", hint: "free room there, or name another place", context: context)
    case EROFS:
      return GoudError(
        .ioPermission, "\(action) \(path): \(text)", hint: "mount it for writing, or name another place",
        context: context)
    case EACCES, EPERM:
      return GoudError(
        .ioPermission, "\(action) \(path): \(text)", hint: "run as a user who may, or name another place",
        context: context)
    case EMFILE, ENFILE:
      return GoudError(
        .ioDescriptors, "\(action) \(path): \(text)",
        hint: "raise the limit of open files (ulimit -n, or LimitNOFILE= in systemd)", context: context)
    default:
      return GoudError(.ioFailed, "\(action) \(path): \(text)", context: context)
    }
  }

  /// The `errno` behind this error, when a system call failed.
  public var systemErrno: Int32? { context["errno"].flatMap { Int32($0) } }
}

extension Descriptor {
  /// Whether it is a file that anybody at all may read or write.
  public func isEverybodys() throws -> Bool { try status().isEverybodys }
}
