import CGoudLinux
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A file that appears whole or not at all: temporary name in the same directory → write → fsync → rename → fsync of
/// the directory. Every file that Goud leaves behind goes through this.
///
/// Dropped without `publish`, it removes the temporary file. A temporary left by a killed process is named
/// `.<name>.goud-tmp-<pid>` and may be removed once that process is gone (`AtomicFile.removeLeftovers`).
public final class AtomicFile {
  public let file: Descriptor
  public let path: String
  private let directory: Descriptor
  private let name: String
  private let temporary: String
  private var open = true

  static let marker = ".goud-tmp-"

  /// Creates the temporary file beside `path`, mode `mode` whatever the umask.
  public init(path: String, mode: mode_t = 0o600) throws {
    self.path = path
    (directory, name) = try Self.split(path)
    temporary = ".\(name)\(Self.marker)\(getpid())"
    unlinkat(directory.fd, temporary, 0)
    file = try Descriptor.open(temporary, O_RDWR | O_CREAT | O_EXCL, mode: mode, in: directory)
    guard fchmod(file.fd, mode) == 0 else { throw GoudError.system("chmod", file.path) }
  }

  deinit { discard() }

  /// Puts the file in place, durably. After it returns, `path` holds what was written even if the power fails.
  /// - Parameter replacing: false: fail with `archive.exists` rather than replace a file of that name.
  public func publish(replacing: Bool = true) throws {
    try file.synchronize()
    let flags: UInt32 = replacing ? 0 : GOUD_RENAME_NOREPLACE
    guard goud_renameat2(directory.fd, temporary, directory.fd, name, flags) == 0 else {
      if errno == EEXIST { throw GoudError(.archiveExists, "\(path) is already there") }
      throw GoudError.system("rename to", path)
    }
    open = false
    try directory.synchronize()
  }

  /// Removes the temporary file; does nothing after `publish`.
  public func discard() {
    guard open else { return }
    open = false
    unlinkat(directory.fd, temporary, 0)
  }

  /// Writes `bytes` to `path` in one go.
  public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600, replacing: Bool = true) throws {
    let file = try AtomicFile(path: path, mode: mode)
    try file.file.write(bytes)
    try file.publish(replacing: replacing)
  }

  /// Removes the temporary files in `directory` whose process is gone, and returns their names.
  @discardableResult
  public static func removeLeftovers(in directory: String) throws -> [String] {
    try leftovers(in: directory).filter { unlink("\(directory)/\($0)") == 0 }
  }

  /// The temporary files in `directory` whose process is gone.
  public static func leftovers(in directory: String) throws -> [String] {
    try FileSystem.names(in: directory).filter { name in
      guard name.hasPrefix("."), let range = name.range(of: marker, options: .backwards),
        let pid = pid_t(name[range.upperBound...])
      else { return false }
      return pid != getpid() && kill(pid, 0) != 0 && errno == ESRCH
    }
  }

  private static func split(_ path: String) throws -> (Descriptor, String) {
    let slash = path.lastSlash
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
    return (try Descriptor.open(parent, O_RDONLY | O_DIRECTORY), name)
  }
}
