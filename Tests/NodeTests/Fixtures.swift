import Foundation
import Synchronization
import TestSupport

@testable import Node

/// A number that several tasks share.
final class Counter: Sendable {
  private let stored: Mutex<Int64>

  init(_ value: Int64) { stored = Mutex(value) }

  var value: Int64 {
    get { stored.withLock { $0 } }
    set { stored.withLock { $0 = newValue } }
  }
}

/// Holds up threads until it is opened.
final class Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)

  func pass(_ value: Int) -> Int {
    semaphore.wait()
    semaphore.signal()
    return value
  }

  func open() { semaphore.signal() }
}

extension NodeSecrets {
  /// Secrets of their own, on no disk.
  static func inMemory() throws -> NodeSecrets {
    try NodeSecrets(
      volume: "/nonexistent",
      environment: ["JWT_SECRET": APIKey().text, "SESSION_SECRET": APIKey().text])
  }
}
