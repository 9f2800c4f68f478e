import GoudCore
import Synchronization

/// Something that is read from where reading may block (a disk, a file system of the network). Whoever asks gets what is
/// read in `time`, else what was read last; nobody waits longer, and no more than one read is under way.
final class LastKnown<Value: Sendable>: Sendable {
  private let queue: BlockingQueue
  private let time: Duration
  private let read: @Sendable () -> Value
  private let state: Mutex<State>

  private struct State {
    var value: Value
    var reading: Task<Void, Never>?
  }

  init(_ name: String, within time: Duration, _ value: Value, _ read: @escaping @Sendable () -> Value) {
    queue = BlockingQueue(name)
    self.time = time
    self.read = read
    state = Mutex(State(value: value))
  }

  func callAsFunction() async -> Value {
    let reading = state.withLock { state in
      if let reading = state.reading { return reading }
      let begun = Task { await self.refresh() }
      state.reading = begun
      return begun
    }
    await within(time) { await reading.value }
    return state.withLock { $0.value }
  }

  private func refresh() async {
    let value = try? await queue.run(read)
    state.withLock { state in
      if let value { state.value = value }
      state.reading = nil
    }
  }
}
