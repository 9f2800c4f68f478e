import Foundation
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
