import Synchronization

/// What `body` returns; nil when it takes longer than `time`. Then it is cancelled and not waited for: what does not
/// heed that goes on by itself, and keeps nobody waiting.
@discardableResult
public func within<Value: Sendable>(
  _ time: Duration, _ body: @escaping @Sendable () async -> Value
) async -> Value? {
  await withCheckedContinuation { continuation in
    let first = First(continuation)
    let task = Task { if first.answer(await body()) { first.end() } }
    first.keep(
      Task {
        guard (try? await Task.sleep(for: time)) != nil, first.answer(nil) else { return }
        task.cancel()
      })
  }
}

/// The first of two answers.
private final class First<Value: Sendable>: Sendable {
  private let waiting: Mutex<CheckedContinuation<Value?, Never>?>
  private let clock = Mutex<Task<Void, Never>?>(nil)

  init(_ continuation: CheckedContinuation<Value?, Never>) { waiting = Mutex(continuation) }

  /// - Returns: whether it was the first.
  func answer(_ value: Value?) -> Bool {
    let continuation = waiting.withLock { waiting in
      defer { waiting = nil }
      return waiting
    }
    continuation?.resume(returning: value)
    return continuation != nil
  }

  func keep(_ task: Task<Void, Never>) {
    clock.withLock { $0 = task }
    if waiting.withLock({ $0 == nil }) { task.cancel() }
  }

  func end() { clock.withLock { $0?.cancel() } }
}

/// Does what may block, one after the other, on a thread of its own, for those who must not.
public actor BlockingQueue {
  private nonisolated let executor: ThreadExecutor
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  public init(_ name: String) { executor = ThreadExecutor(name: name) }

  public func run<Value: Sendable>(_ body: @Sendable () throws -> Value) throws -> Value { try body() }
}
