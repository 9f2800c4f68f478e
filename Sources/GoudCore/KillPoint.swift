import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Named moments between two durable steps, at which tests kill the real binary.
///
/// In debug builds, `GOUD_KILL_LOG=FILE` appends each name reached to FILE, and `GOUD_KILL_AT=N` ends the process with
/// SIGKILL at the N-th (from 1). Release builds contain none of this.
public enum KillPoint {
  #if DEBUG
    private static let log = ProcessInfo.processInfo.environment["GOUD_KILL_LOG"]
    private static let target = ProcessInfo.processInfo.environment["GOUD_KILL_AT"].flatMap { Int($0) }
    nonisolated(unsafe) private static var count = 0
    private static let lock = NSLock()
  #endif

  public static func reached(_ name: @autoclosure () -> String) {
    #if DEBUG
      guard log != nil || target != nil else { return }
      lock.lock()
      defer { lock.unlock() }
      count += 1
      if let log, let file = try? Descriptor.open(log, O_WRONLY | O_APPEND | O_CREAT) {
        try? file.write(Array("\(name())\n".utf8))
      }
      if target == count { kill(getpid(), SIGKILL) }
    #endif
  }
}
