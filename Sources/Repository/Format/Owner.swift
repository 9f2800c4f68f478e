import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Who writes to a repository: what keys and locks tell of it.
public struct Owner: Sendable, Equatable {
  public var username: String
  public var hostname: String
  public var pid: Int32
  public var uid: UInt32
  public var gid: UInt32

  public init(username: String, hostname: String, pid: Int32, uid: UInt32, gid: UInt32) {
    self.username = username
    self.hostname = hostname
    self.pid = pid
    self.uid = uid
    self.gid = gid
  }

  /// As restic names it.
  private static var machine: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  /// This process.
  public static var current: Owner {
    Owner(
      username: ProcessInfo.processInfo.userName, hostname: machine, pid: getpid(),
      uid: getuid(), gid: getgid())
  }
}

extension Owner {
  /// Whether there is a process of that number on this machine, whoever's it is.
  static func isRunning(_ pid: Int32) -> Bool { kill(pid, 0) == 0 || errno != ESRCH }
}
