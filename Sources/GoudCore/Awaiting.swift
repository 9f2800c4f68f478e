import Dispatch
import Synchronization

/// Waits, on a thread that is not the cooperative pool's, for something that is.
public enum Awaiting {
  /// - Parameter cancellation: cancels the task; it is waited for all the same.
  public static func result<Value: Sendable>(
    of body: @Sendable @escaping () async throws -> Value, _ cancellation: Cancellation? = nil
  ) throws -> Value {
    let outcome = Outcome<Value>()
    let done = DispatchSemaphore(value: 0)
    let task = Task.detached {
      do {
        outcome.value.withLock { [result = Result<Value, any Error>.success(try await body())] in $0 = result }
      } catch {
        outcome.value.withLock { $0 = .failure(error) }
      }
      done.signal()
    }
    if let cancellation {
      while done.wait(timeout: .now() + .milliseconds(100)) == .timedOut {
        if cancellation.isCancelled { task.cancel() }
      }
    } else {
      done.wait()
    }
    return try outcome.value.withLock { try $0!.get() }
  }

  private final class Outcome<Value: Sendable>: Sendable {
    let value = Mutex<Result<Value, any Error>?>(nil)
  }
}
