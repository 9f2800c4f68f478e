import GoudCore

/// Data blobs in the order in which they are asked for, with what belongs between them: fetched ahead, by several readers, and
/// those that lie beside each other in a pack with one request.
///
/// Asked by one thread; what comes is consumed on another, in the same order. Memory: 64 MiB of blobs, whatever is asked
/// for, and what the readers have in hand, up to 16 MiB each as it is stored and as much opened; more for a single blob that is
/// larger than that. Call `finish` exactly once, on every path.
public final class BlobSequence<Note: Sendable>: @unchecked Sendable {
  /// What comes, in order.
  public enum Item: Sendable {
    case note(Note)
    case blob([UInt8])
  }

  private enum Step: Sendable {
    case note(Note)
    case blob(ObjectID)
  }

  /// What is asked for together; its blobs are known to the consuming thread alone.
  private final class Window: @unchecked Sendable {
    let steps: [Step]
    let bytes: Int
    var blobs: [ObjectID: [UInt8]] = [:]

    init(_ steps: [Step], bytes: Int) { (self.steps, self.bytes) = (steps, bytes) }
  }

  private enum Work: Sendable {
    case read(Window, pack: ObjectID, ReadRun)
    case end(Window)
  }

  private enum Done: Sendable {
    case read(Window, [(ObjectID, [UInt8])])
    case end(Window)
  }

  private static var windowBytes: Int { 32 << 20 }
  private static var windowSteps: Int { 4096 }
  private static var readers: Int { 3 }

  private let reader: RepositoryReader
  private let budget: ByteBudget
  private let pipeline: OrderedPipeline<Work, Done>
  // Of the asking thread.
  private var steps: [Step] = []
  private var wanted: Set<ObjectID> = []
  private var bytes = 0

  /// - Parameter consume: called on a thread of its own; the first error ends everything, and comes out of the next call.
  public init(_ reader: RepositoryReader, consume: @escaping @Sendable (Item) throws -> Void) {
    self.reader = reader
    let budget = ByteBudget(2 * Self.windowBytes)
    self.budget = budget
    pipeline = OrderedPipeline(name: "load", width: Self.readers, depth: 16 * Self.readers) { work in
      switch work {
      case .end(let window): return .end(window)
      case .read(let window, let pack, let run):
        return try Self.failing(budget) {
          var blobs: [(ObjectID, [UInt8])] = []
          try reader.load(run, of: pack) { blobs.append(($0, $1)) }
          return .read(window, blobs)
        }
      }
    } consume: { done in
      switch done {
      case .read(let window, let blobs): for (id, blob) in blobs { window.blobs[id] = blob }
      case .end(let window):
        try Self.failing(budget) {
          for step in window.steps {
            switch step {
            case .note(let note): try consume(.note(note))
            case .blob(let id):
              guard let blob = window.blobs[id] else { throw GoudError(.internalFault, "blob \(id) was not read") }
              try consume(.blob(blob))
            }
          }
        }
        budget.give(window.bytes)
      }
    }
  }

  /// Whoever waits for room where something has failed would wait for ever.
  private static func failing<Result>(_ budget: ByteBudget, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      budget.fail(error)
      throw error
    }
  }

  /// - Parameter weight: how many bytes it stands for, of the 32 MiB that are asked for together.
  public func submit(_ note: Note, weight: Int = 0) throws {
    if isFull(with: weight) { try flush() }
    add(.note(note), weight)
  }

  /// - Throws: `repository.damaged` for a blob that no index knows.
  public func submit(blob id: ObjectID) throws {
    let length = try reader.plainLength(of: id, as: .data)
    if isFull(with: wanted.contains(id) ? 0 : length) { try flush() }
    add(.blob(id), wanted.insert(id).inserted ? length : 0)
  }

  /// Waits until everything is consumed.
  /// - Parameter abandoning: drop what is not; nothing is thrown.
  public func finish(abandoning: Bool = false) throws {
    guard !abandoning else {
      budget.fail(GoudError(.interrupted, "abandoned"))
      return try pipeline.finish(abandoning: true)
    }
    do {
      try flush()
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
  }

  private func isFull(with weight: Int) -> Bool {
    steps.count >= Self.windowSteps || bytes > 0 && bytes + weight > Self.windowBytes
  }

  private func add(_ step: Step, _ weight: Int) {
    steps.append(step)
    bytes += weight
  }

  private func flush() throws {
    guard !steps.isEmpty else { return }
    let window = Window(steps, bytes: bytes)
    let runs = try reader.runs(of: wanted, as: .data)
    (steps, wanted, bytes) = ([], [], 0)
    try budget.take(window.bytes)
    for (pack, run) in runs { try pipeline.submit(.read(window, pack: pack, run)) }
    try pipeline.submit(.end(window))
  }
}
