import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Exclusive use of a directory among Goud's runs: `flock(2)` on the directory itself.
///
/// Needs read access only, writes nothing, and ends with the process that holds it, however that ends; there is no
/// stale lock. It says nothing about the node: RocksDB's own `LOCK` does that.
public final class DirectoryLock: Sendable {
  private let directory: Descriptor

  /// Takes the lock at once or fails.
  /// - Parameter orGoOn: on a file system without locks, do without: for what harms nothing when it runs twice.
  /// - Throws: `volume.locked`, naming the process that holds it.
  public init(_ path: String, orGoOn: Bool = false) throws {
    directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
    guard Self.take(directory) else {
      if orGoOn, Self.unsupported.contains(errno) { return }
      guard errno == EWOULDBLOCK else { throw GoudError.system("lock", path) }
      let holder = Self.holder(of: path)
      throw GoudError(
        .volumeLocked, "\(path) is in use by another run of goud\(holder.map { " (\($0))" } ?? "")",
        hint: "wait for it to end", context: ["path": path, "pid": holder.map { "\($0.pid)" } ?? ""])
    }
  }

  private static let unsupported: Set<Int32> = [ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL]

  /// Tries for 50 ms: whoever only asks for the `holder` has the lock for some microseconds.
  private static func take(_ directory: Descriptor) -> Bool {
    for attempt in 1...11 {
      if flock(directory.fd, LOCK_EX | LOCK_NB) == 0 { return true }
      guard errno == EWOULDBLOCK, attempt < 11 else { return false }
      usleep(5000)
    }
    return false
  }

  /// Who holds the lock of `path`; nil when nobody does. To find out, it takes the lock for an instant.
  public static func holder(of path: String) -> LockHolder? {
    guard let directory = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY) else { return nil }
    if flock(directory.fd, LOCK_EX | LOCK_NB) == 0 || unsupported.contains(errno) { return nil }
    return LockHolder.find(kind: "FLOCK", path: path) ?? LockHolder(pid: 0, command: "unknown")
  }
}

/// A process that holds a lock.
public struct LockHolder: Sendable, Codable, CustomStringConvertible {
  /// 0: a process that cannot be seen from here (another container).
  public let pid: Int32
  public let command: String

  public init(pid: Int32, command: String) {
    self.pid = pid
    self.command = command
  }

  /// - Parameter pid: a process seen from here, or 0.
  public init(pid: Int32) { self.init(pid: pid, command: pid == 0 ? "unknown" : Self.command(of: pid)) }

  public var description: String { pid == 0 ? "a process outside this container" : "process \(pid): \(command)" }

  /// Looks through `/proc/locks` for a lock of `kind` (`FLOCK`, `POSIX`) on the file at `path`.
  public static func find(kind: String, path: String) -> LockHolder? {
    var status = stat()
    guard stat(path, &status) == 0,
      let table = try? Descriptor.open("/proc/locks", O_RDONLY).readAll()
    else { return nil }
    let device = UInt64(status.st_dev)
    let key = String(format: "%02x:%02x:%llu", major(device), minor(device), UInt64(status.st_ino))
    for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count >= 6, fields.contains(Substring(key)), fields.contains(Substring(kind)),
        !fields.contains("->"), let pid = Int32(fields[4])
      else { continue }
      return LockHolder(pid: max(pid, 0), command: command(of: pid))
    }
    return nil
  }

  private static func command(of pid: Int32) -> String {
    let bytes = (try? Descriptor.open("/proc/\(pid)/cmdline", O_RDONLY).readAll()) ?? []
    let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    guard let program = words.first else { return "unknown" }
    return ([FileSystem.name(of: program)] + words.dropFirst()).joined(separator: " ")
  }

  private static func major(_ device: UInt64) -> UInt64 { (device >> 8) & 0xfff | (device >> 32) & ~0xfff }
  private static func minor(_ device: UInt64) -> UInt64 { device & 0xff | (device >> 12) & ~0xff }
}
