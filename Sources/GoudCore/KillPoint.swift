import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Named moments between two durable steps, at which tests kill the real binary.
///
/// In debug builds, `GOUD_KILL_LOG=FILE` appends each name reached to FILE, and `GOUD_KILL_AT=N` ends the process with
/// SIGKILL at the N-th (from 1); `GOUD_KILL_AT=N NAME` at the N-th whose name begins with NAME, where threads pass others in
/// between in no order. Release builds contain none of this.
public enum KillPoint {
  #if DEBUG
    private static let log = ProcessInfo.processInfo.environment["GOUD_KILL_LOG"]
    private static let target = ProcessInfo.processInfo.environment["GOUD_KILL_AT"].flatMap(Target.init)
    nonisolated(unsafe) private static var count = 0
    private static let lock = NSLock()
  #endif

  public static func reached(_ name: @autoclosure () -> String) {
    #if DEBUG
      guard log != nil || target != nil else { return }
      lock.lock()
      defer { lock.unlock() }
      let name = name()
      if target?.matches(name) != false { count += 1 }
      if let log, let file = try? Descriptor.open(log, O_WRONLY | O_APPEND | O_CREAT) {
        try? file.write(Array("\(name)\n".utf8))
      }
      if let target, target.matches(name), target.number == count { kill(getpid(), SIGKILL) }
    #endif
  }

  #if DEBUG
    private struct Target {
      let number: Int
      let prefix: String

      init?(_ text: String) {
        let words = text.split(separator: " ", maxSplits: 1)
        guard let number = words.first.flatMap({ Int($0) }) else { return nil }
        self.number = number
        prefix = words.count > 1 ? String(words[1]) : ""
      }

      func matches(_ name: String) -> Bool { name.hasPrefix(prefix) }
    }
  #endif
}
