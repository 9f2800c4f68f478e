/// A value that costs something to find out, and is good for a while. Whoever asks while it is being found out gets the
/// same one.
actor Cached<Value: Sendable> {
  private let time: Duration
  private let find: @Sendable () async throws -> Value
  private var finding: (task: Task<Value, any Error>, since: ContinuousClock.Instant)?

  init(for time: Duration, _ find: @escaping @Sendable () async throws -> Value) {
    self.time = time
    self.find = find
  }

  func value() async throws -> Value {
    if let finding, .now - finding.since < time { return try await finding.task.value }
    let task = Task { try await find() }
    finding = (task, .now)
    do {
      return try await task.value
    } catch {
      finding = nil
      throw error
    }
  }
}
