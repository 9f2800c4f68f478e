import Foundation

/// Something that is fetched on a thread of its own while other work goes on.
final class Loading<Value: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var result: Result<Value, any Error>?

  init(_ name: String, _ load: @escaping @Sendable () throws -> Value) {
    let thread = Thread { [self] in
      let result = Result { try load() }
      condition.lock()
      defer { condition.unlock() }
      self.result = result
      condition.broadcast()
    }
    thread.name = name
    thread.start()
  }

  var isDone: Bool {
    condition.lock()
    defer { condition.unlock() }
    return result != nil
  }

  /// Waits for it.
  func value() throws -> Value {
    condition.lock()
    defer { condition.unlock() }
    while result == nil { condition.wait() }
    return try result!.get()
  }
}
