import Foundation
import GoudCore
import Synchronization
import TestSupport
import Testing

@Suite struct WithinTests {
  @Test func anAnswerInTimeIsTheAnswer() async {
    #expect(await within(.seconds(60)) { 7 } == 7)
  }

  /// Whatever it waits for, and whether it heeds that it is cancelled.
  @Test func whatTakesLongerIsNotWaitedFor() async throws {
    let queue = BlockingQueue("slow")
    let over = Cancellation()
    defer { over.cancel() }
    // Ends by itself so late that a machine may be slow, and whoever waits for it is found all the same.
    let late = ContinuousClock.now + .seconds(500)
    let answer: Int? = await within(.milliseconds(100)) {
      try? await queue.run { while !over.isCancelled, ContinuousClock.now < late { usleep(1000) } }
      return 7
    }
    #expect(answer == nil)
  }

  @Test func whatHeedsItIsCancelled() async throws {
    let cancelled = Mutex(false)
    await within(.milliseconds(10)) {
      try? await Task.sleep(for: .seconds(600))
      cancelled.withLock { $0 = Task.isCancelled }
    }
    try await waitUntil("it to be cancelled") { cancelled.withLock { $0 } }
  }
}
