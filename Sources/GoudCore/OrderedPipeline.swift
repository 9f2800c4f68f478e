import Foundation

/// Work on many pieces at once, results in the order of submission: `submit` → `width` workers → one consumer.
///
/// At most `depth` pieces are between `submit` and the end of `consume`; a further `submit` waits. The first error of
/// a worker or of the consumer stops everything and comes out of the next `submit`, or of `finish`. Every thread has
/// ended when `finish` returns or throws, and nothing that `transform` and `consume` hold is held by the pipeline any
/// longer: a database that they alone kept open is closed. Call it exactly once, on every path.
public final class OrderedPipeline<Input: Sendable, Output: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private let depth: Int

  // All below is guarded by `condition`.
  private var transform: (@Sendable (Input) throws -> Output)?
  private var consume: (@Sendable (Output) throws -> Void)?
  private var waiting: [(Int, Input)] = []
  private var ready: [Int: Output] = [:]
  private var submitted = 0
  private var consumed = 0
  private var closed = false
  private var failure: (any Error)?
  private var running = 0

  /// - Parameters:
  ///   - width: worker threads, at least 1.
  ///   - depth: pieces in flight, at least `width`; bounds the memory.
  public init(
    name: String, width: Int, depth: Int, transform: @escaping @Sendable (Input) throws -> Output,
    consume: @escaping @Sendable (Output) throws -> Void
  ) {
    self.depth = max(depth, width, 1)
    self.transform = transform
    self.consume = consume
    running = max(width, 1) + 1
    for index in 0..<max(width, 1) { start("\(name)-\(index)") { $0.work() } }
    start("\(name)-out") { $0.drain() }
  }

  /// Hands over one piece; waits while `depth` pieces are in flight.
  public func submit(_ input: Input) throws {
    condition.lock()
    defer { condition.unlock() }
    while failure == nil && submitted - consumed >= depth { condition.wait() }
    if let failure { throw failure }
    waiting.append((submitted, input))
    submitted += 1
    condition.broadcast()
  }

  /// Waits until everything is consumed and every thread has ended.
  /// - Parameter abandoning: drop what is not consumed yet; nothing is thrown.
  public func finish(abandoning: Bool = false) throws {
    condition.lock()
    defer { condition.unlock() }
    closed = true
    if abandoning && failure == nil { failure = GoudError(.interrupted, "abandoned") }
    condition.broadcast()
    while running > 0 { condition.wait() }
    // The threads' own references to the pipeline go a moment later.
    (transform, consume) = (nil, nil)
    (waiting, ready) = ([], [:])
    if let failure, !abandoning { throw failure }
  }

  private func start(_ name: String, _ body: @escaping @Sendable (OrderedPipeline) -> Void) {
    let thread = Thread {
      body(self)
      self.condition.lock()
      self.running -= 1
      self.condition.broadcast()
      self.condition.unlock()
    }
    thread.name = name
    thread.start()
  }

  private func work() {
    guard let transform = condition.withLock({ transform }) else { return }
    while let (number, input) = next() {
      do {
        let output = try Pace.process.work { try transform(input) }
        change { ready[number] = output }
      } catch {
        change { failure = failure ?? error }
      }
    }
  }

  private func drain() {
    guard let consume = condition.withLock({ consume }) else { return }
    while let output = nextOutput() {
      do {
        try Pace.process.work { try consume(output) }
        change { consumed += 1 }
      } catch {
        change { failure = failure ?? error }
      }
    }
  }

  private func next() -> (Int, Input)? {
    condition.lock()
    defer { condition.unlock() }
    while failure == nil && waiting.isEmpty && !closed { condition.wait() }
    return failure != nil || waiting.isEmpty ? nil : waiting.removeFirst()
  }

  private func nextOutput() -> Output? {
    condition.lock()
    defer { condition.unlock() }
    while failure == nil && ready[consumed] == nil && !(closed && consumed == submitted) { condition.wait() }
    return failure != nil ? nil : ready.removeValue(forKey: consumed)
  }

  private func change(_ body: () -> Void) {
    condition.lock()
    body()
    condition.broadcast()
    condition.unlock()
  }
}
