import Foundation

/// How many bytes may be on their way at once.
package final class ByteBudget: @unchecked Sendable {
  private let condition = NSCondition()
  private let limit: Int
  // Guarded by `condition`.
  private var used = 0
  private var failure: (any Error)?

  package init(_ limit: Int) { self.limit = limit }

  /// Waits until there is room. What is more than the limit waits until nothing else is on its way.
  package func take(_ bytes: Int) throws {
    condition.lock()
    defer { condition.unlock() }
    while failure == nil && used > 0 && used + bytes > limit { condition.wait() }
    if let failure { throw failure }
    used += bytes
  }

  package func give(_ bytes: Int) {
    condition.lock()
    used -= bytes
    condition.broadcast()
    condition.unlock()
  }

  /// From now on nobody gets anything. The first reason stays.
  package func fail(_ error: any Error) {
    condition.lock()
    failure = failure ?? error
    condition.broadcast()
    condition.unlock()
  }

  package func check() throws {
    condition.lock()
    defer { condition.unlock() }
    if let failure { throw failure }
  }
}
