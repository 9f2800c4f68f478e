import GoudCore
import Logging

#if canImport(Glibc)
  import Glibc
#endif

/// The log of a process that stays: standard error, one line for each message.
enum ProcessLog {
  /// - Parameter label: who speaks.
  static func start(_ label: String, level: Logger.Level) -> Logger {
    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    var log = Logger(label: label)
    log.logLevel = level
    return log
  }

  /// Written once, before the handler that reads it is in place.
  nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?

  /// Sends standard output and standard error to a file, and opens it anew on SIGHUP: whoever rotates the log moves
  /// the file and sends the signal. Called first of all: a SIGHUP before it ends the process, unless whoever started it
  /// had it blocked (`Detached`), and then it is heard now.
  /// - Throws: `io.*` when the file cannot be opened; mode 0600 when it is created.
  static func follow(_ file: String) throws {
    path = strdup(file)
    // Only calls that a signal handler may make.
    signal(SIGHUP) { _ in
      guard let path = ProcessLog.path else { return }
      let interrupted = errno
      defer { errno = interrupted }
      let fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
      guard fd >= 0 else { return }
      dup2(fd, STDOUT_FILENO)
      dup2(fd, STDERR_FILENO)
      close(fd)
    }
    let opened = try Descriptor.open(file, O_WRONLY | O_CREAT | O_APPEND)
    for standard in [STDOUT_FILENO, STDERR_FILENO] where dup2(opened.fd, standard) < 0 {
      throw GoudError.system("write to", file)
    }
    var heard = sigset_t()
    sigemptyset(&heard)
    sigaddset(&heard, SIGHUP)
    pthread_sigmask(SIG_UNBLOCK, &heard, nil)
  }
}

extension Logger.Level {
  /// - Throws: `usage.invalid`, naming the levels.
  static func parse(_ text: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: text) else {
      throw GoudError(
        .usage, "\"\(text)\" is no log level",
        hint: "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return level
  }
}
