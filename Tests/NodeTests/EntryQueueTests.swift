import Chain
import GoudCore
import Testing

@testable import Node

/// What waits to be written has a bound, and an owner.
@Suite struct EntryQueueTests {
  private static let large = 1_000_000

  private func open() -> EntryQueue {
    let queue = EntryQueue(refusal: GoudError(.nodeNotReady, "closed"))
    queue.open()
    return queue
  }

  /// Adds entries of an account until one is refused.
  private func fill(_ queue: EntryQueue, _ account: Entry) throws -> Int {
    for count in 0..<100 {
      do {
        _ = try queue.add(EntryTicket(Cluster.data(of: account, bytes: Self.large)))
      } catch let error as GoudError {
        #expect(error.code == .nodeBusy)
        return count
      }
    }
    return 100
  }

  @Test func oneAccountLeavesRoomForOthers() throws {
    let queue = open()
    let greedy = Cluster.account()
    let first = try fill(queue, greedy)
    // Alone it may have half.
    #expect(first == EntryQueue.mostBytes / 2 / Self.large)
    // A crowd of others finds room, a quarter for each at most.
    let others = try (0..<4).map { _ in try fill(queue, Cluster.account()) }
    #expect(others[0] == EntryQueue.mostBytes / 4 / Self.large && others[1] > 0)
    #expect(queue.count == first + others.reduce(0, +))
    #expect(throws: GoudError.self) { try queue.add(EntryTicket(Cluster.data(of: Cluster.account(), bytes: 999_999))) }
    _ = try queue.add(EntryTicket(Cluster.account()))
    // What is taken makes room again, for the one as well.
    var taken = 0
    while !queue.isEmpty { taken += queue.take(entries: 1024, bytes: 1 << 20).count }
    #expect(taken == first + others.reduce(0, +) + 1)
    #expect(try fill(queue, greedy) == first)
    queue.refuse(GoudError(.nodeNotReady, "closed"))
    queue.open()
    #expect(try fill(queue, greedy) == first)
  }
}
