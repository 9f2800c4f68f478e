import Synchronization

/// Lets so many tests at a time do what a machine does not do thirty times at once, in the order in which they came.
public final class Turns: Sendable {
  private let state: Mutex<(free: Int, waiting: [CheckedContinuation<Void, Never>])>

  public init(_ count: Int) { state = Mutex((count, [])) }

  /// Waits for a turn, which has to be given back.
  public func take() async {
    await withCheckedContinuation { caller in
      let isFree = state.withLock { state -> Bool in
        if state.free > 0 {
          state.free -= 1
          return true
        }
        state.waiting.append(caller)
        return false
      }
      if isFree { caller.resume() }
    }
  }

  public func give() {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      if state.waiting.isEmpty {
        state.free += 1
        return nil
      }
      return state.waiting.removeFirst()
    }?.resume()
  }
}
