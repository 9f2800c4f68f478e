import Foundation

/// How many bytes may be on their way at once.
final class ByteBudget: @unchecked Sendable {
  private let condition = NSCondition()
  private let limit: Int
  // Guarded by `condition`.
  private var used = 0
  private var failure: (any Error)?

  init(_ limit: Int) { self.limit = limit }

  /// Waits until there is room.
  /// - Parameter bytes: at most the limit.
  func take(_ bytes: Int) throws {
    condition.lock()
    defer { condition.unlock() }
    while failure == nil && used + bytes > limit { condition.wait() }
    if let failure { throw failure }
    used += bytes
  }

  func give(_ bytes: Int) {
    condition.lock()
    used -= bytes
    condition.broadcast()
    condition.unlock()
  }

  /// From now on nobody gets anything. The first reason stays.
  func fail(_ error: any Error) {
    condition.lock()
    failure = failure ?? error
    condition.broadcast()
    condition.unlock()
  }

  func check() throws {
    condition.lock()
    defer { condition.unlock() }
    if let failure { throw failure }
  }
}
