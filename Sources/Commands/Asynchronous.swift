import Foundation
import GoudCore
import Logging
import Synchronization

/// Runs what is asynchronous to its end, while the calling thread waits. For the process's main thread only.
func awaitResult<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
  let done = DispatchSemaphore(value: 0)
  let outcome = Mutex<Swift.Result<Result, any Error>?>(nil)
  Task {
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    outcome.withLock { $0 = result }
    done.signal()
  }
  done.wait()
  return try outcome.withLock { $0 }!.get()
}

/// The log of a process that stays: standard error, one line for each message.
enum ProcessLog {
  /// - Parameter label: who speaks.
  static func start(_ label: String, level: Logger.Level) -> Logger {
    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    var log = Logger(label: label)
    log.logLevel = level
    return log
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
