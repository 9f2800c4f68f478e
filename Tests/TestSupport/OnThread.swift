import Foundation

/// Runs `body` on a thread of its own. Long work on the few threads that all tests share would keep those from going on
/// that wait for something.
///
/// Return what is to be expected instead of expecting it in `body`, where nobody knows which test it belongs to.
public func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    let thread = Thread {
      do {
        continuation.resume(returning: try body())
      } catch {
        continuation.resume(throwing: error)
      }
    }
    thread.stackSize = 8 << 20
    thread.start()
  }
}
