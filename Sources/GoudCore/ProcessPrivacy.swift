import CGoudLinux

#if canImport(Glibc)
  import Glibc
#endif

/// What a process keeps to itself of its memory.
public enum ProcessPrivacy {
  /// Ends of this process, and of those it starts, leave no core file.
  /// - Throws: `io.failed`.
  public static func leaveNoCore() throws {
    guard goud_leave_no_core() == 0 else { throw GoudError.system("limit", "core dumps") }
  }

  /// For who holds keys for as long as it lives: no core file and no core handler gets its memory, no other process of
  /// the same user may look into it, and no program that it starts gains powers.
  /// - Throws: `io.failed`.
  public static func keep() throws {
    try leaveNoCore()
    guard goud_hide_memory() == 0 else { throw GoudError.system("hide", "the process's memory") }
  }
}

/// Secrets that a node may be given in its environment.
public enum SecretVariables {
  public static let names: Set = ["JWT_SECRET", "SESSION_SECRET"]

  /// Overwrites them where the process was given them: `/proc/PID/environ` shows that place for as long as the process
  /// lives. They are empty from then on. Before other threads read the environment.
  public static func wipe() {
    for name in names {
      guard let value = getenv(name) else { continue }
      memset(value, 0, strlen(value))
    }
  }
}
