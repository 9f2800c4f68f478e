import GoudCore
import Synchronization

/// Bytes of requests and answers that are held at once.
final class BodyBudget: Sendable {
  /// What was taken; given back when the last reference goes.
  final class Share: Sendable {
    private let budget: BodyBudget
    private let bytes: Int

    fileprivate init(_ budget: BodyBudget, _ bytes: Int) {
      self.budget = budget
      self.bytes = bytes
    }

    deinit { budget.taken.subtract(bytes, ordering: .relaxed) }
  }

  private let limit: Int
  private let taken = Atomic<Int>(0)

  init(bytes: Int) { limit = bytes }

  /// - Throws: `node.busy` when that much is not left.
  func take(_ bytes: Int) throws -> Share {
    let share = Share(self, bytes)
    guard taken.add(bytes, ordering: .relaxed).newValue <= limit else {
      throw GoudError(
        .nodeBusy, "too many large requests are under way", hint: "try again in a moment",
        context: ["retry-after": "1"])
    }
    return share
  }
}
