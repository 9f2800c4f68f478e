public import CGoudLinux
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// A file that appears whole or not at all: temporary name in the same directory → write → fsync → rename → fsync of
/// the directory. Every file that Goud leaves behind goes through this.
///
/// Dropped without `publish`, it removes the temporary file, which is owned as every `Temporary` is.
public final class AtomicFile {
  public let path: String
  private let name: String
  private let temporary: Temporary

  /// What is written to.
  public var file: Descriptor { temporary.content }

  /// Creates the temporary file beside `path`, mode `mode` whatever the umask; on a file system without modes (vfat,
  /// some of FUSE), as that has it.
  public init(path: String, mode: mode_t = 0o600) throws {
    self.path = path
    name = FileSystem.name(of: path)
    let directory = try Descriptor.open(FileSystem.parent(of: path), O_RDONLY | O_DIRECTORY)
    temporary = try Temporary.create(.file, for: name, in: directory)
    guard fchmod(file.fd, mode) == 0 || [EPERM, EOPNOTSUPP, ENOSYS].contains(errno) else {
      throw GoudError.system("chmod", file.path)
    }
  }

  /// Puts the file in place, durably. After it returns, `path` holds what was written even if the power fails.
  /// - Parameter replacing: false: fail with `archive.exists` rather than replace a file of that name; when it throws,
  ///   nothing is there that was not there before.
  public func publish(replacing: Bool = true) throws {
    try file.synchronize()
    let directory = temporary.parent
    do {
      if replacing {
        guard renameat(directory.fd, temporary.name.text, directory.fd, name) == 0 else {
          throw GoudError.system("rename to", path)
        }
      } else {
        try Placement(temporary.name.text, as: name, in: directory).run()
      }
    } catch let error as GoudError where !replacing && error.systemErrno == EEXIST {
      throw GoudError(.archiveExists, "\(path) is already there")
    }
    do {
      try directory.synchronize()
    } catch {
      // Whether the name survives is unknown; of what was replaced nothing is left to go back to.
      if !replacing { unlinkat(directory.fd, name, 0) }
      temporary.keep()
      throw error
    }
    temporary.keep()
  }

  /// Removes the temporary file; does nothing after `publish`.
  public func discard() { temporary.remove() }

  /// Writes `bytes` to `path` in one go.
  public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600, replacing: Bool = true) throws {
    let file = try AtomicFile(path: path, mode: mode)
    try file.file.write(bytes)
    try file.publish(replacing: replacing)
  }
}
