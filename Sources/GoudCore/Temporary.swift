import CGoudLinux
import Foundation
public import Layout
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A file or directory that is this process's for a while: removed with this object, or, when the process was killed,
/// by the next run that looks (`Leftovers`).
///
/// Its owner is told by a lock on the thing itself, which the kernel gives back however the process ends. No process
/// number and no host name is looked at: they mean something else in another container and on another host. A
/// directory is locked by a file in it, `.goud-owner`, since over NFS a directory's own lock never leaves the host.
///
/// Where the file system has no locks, everything counts as owned until it has been left alone for a week.
public final class Temporary: Sendable {
  public let name: TemporaryName
  /// The open directory that it lies in.
  public let parent: Descriptor
  /// The file, open for reading and writing; or the directory.
  public let content: Descriptor
  /// The file that is locked.
  private let lock: Descriptor
  private let identity: FileIdentity
  private let owned = Mutex(true)

  static let owner = ".goud-owner"

  public var path: String { "\(parent.path)/\(name.text)" }

  /// Creates a file, mode 0600, or a directory, mode 0700.
  /// - Parameter subject: what it is for: the name that a file gets in the end.
  public static func create(
    _ kind: TemporaryName.Kind, for subject: String = "", in parent: Descriptor
  ) throws -> Temporary {
    for _ in 0..<16 {
      if let made = try Temporary(TemporaryName(kind, for: subject), in: parent) { return made }
    }
    throw GoudError(.ioFailed, "every temporary in \(parent.path) was removed as soon as it was there")
  }

  /// Keeps a name free, for as long as this lives, among all runs that write to the directory.
  /// - Returns: nil when another run has it.
  public static func reserve(_ subject: String, in parent: Descriptor) throws -> Temporary? {
    let name = TemporaryName(.reservation, for: subject)
    for _ in 0..<16 {
      do {
        if let made = try Temporary(name, in: parent) { return made }
      } catch let error as GoudError where error.systemErrno == EEXIST {
        guard try Leftovers(in: parent).remove(name) else { return nil }
      }
    }
    return nil
  }

  /// A file without a name, mode 0600: gone with its last descriptor.
  public static func nameless(in parent: Descriptor) throws -> Descriptor {
    let fd = goud_open_nameless(parent.fd)
    if fd >= 0 { return Descriptor(fd: fd, path: "a file without a name in \(parent.path)") }
    // Among them ENOENT and EISDIR: what kernels say that do not know of such files.
    guard [EOPNOTSUPP, EISDIR, EINVAL, ENOENT, ENOSYS, EACCES].contains(errno) else {
      throw GoudError.system("create a file in", parent.path)
    }
    let named = try create(.file, for: "copy", in: parent)
    guard unlinkat(parent.fd, named.name.text, 0) == 0 else { throw GoudError.system("unlink", named.path) }
    return named.content
  }

  /// - Returns: nil when somebody took it for a leftover before it was locked.
  private init?(_ name: TemporaryName, in parent: Descriptor) throws {
    self.name = name
    self.parent = parent
    if name.kind.isDirectory {
      guard mkdirat(parent.fd, name.text, 0o700) == 0 else {
        throw GoudError.system("create", "\(parent.path)/\(name.text)")
      }
      content = try Descriptor.open(name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: parent)
      lock = try Descriptor.open(Self.owner, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, in: content)
    } else {
      content = try Descriptor.open(name.text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, in: parent)
      lock = content
    }
    identity = try content.status().identity
    guard try lock.lock() != .held, try isInPlace() else { return nil }
  }

  deinit { remove() }

  /// Removes it; does nothing when it is not owned any more. What cannot be removed stays for the next run to find.
  public func remove() {
    guard giveUp() else { return }
    if (try? isInPlace()) == true {
      if name.kind.isDirectory {
        try? parent.removeTree(name.text)
      } else {
        unlinkat(parent.fd, name.text, 0)
      }
    }
    lock.unlock()
  }

  /// Leaves it where it is, under whatever name it has by now.
  public func keep() {
    if giveUp() { lock.unlock() }
  }

  private func giveUp() -> Bool {
    owned.withLock { owned in
      defer { owned = false }
      return owned
    }
  }

  /// Whether the name still leads to this very thing.
  private func isInPlace() throws -> Bool {
    guard try parent.status(of: name.text)?.identity == identity else { return false }
    guard name.kind.isDirectory else { return true }
    return try content.status(of: Self.owner)?.identity == lock.status().identity
  }
}
