public import Foundation
import Synchronization

/// When what was acknowledged: an operation that is noted was acknowledged before its moment.
public final class Diary: Sendable {
  private let noted = Mutex<[(moment: Date, operation: UInt64)]>([])

  public init() {}

  public func note(_ oracle: Oracle) {
    let operation = oracle.acknowledged
    let moment = Date()
    noted.withLock { $0.append((moment, operation)) }
  }

  /// The newest operation that was acknowledged by then.
  public func acknowledged(by moment: Date) -> UInt64 {
    noted.withLock { $0.last { $0.moment <= moment }?.operation ?? 0 }
  }

  /// Notes all the while that `body` runs.
  public func keep<Result: Sendable>(_ oracle: Oracle, while body: () async throws -> Result) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        while !Task.isCancelled {
          self.note(oracle)
          try await Task.sleep(for: .milliseconds(2))
        }
      }
      defer { group.cancelAll() }
      return try await body()
    }
  }
}
