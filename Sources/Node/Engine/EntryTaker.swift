import Chain
import GoudCore

/// Where entries are taken in: the authority puts them into blocks, a follower hands them on.
protocol EntryTaker: Actor {
  nonisolated var queue: EntryQueue { get }
  nonisolated var deadlines: Deadlines { get }
  /// Entries wait in the queue.
  func wake()
}

extension EntryTaker {
  /// Returns once the entry is acknowledged and this node knows it: who wrote here reads here what was written.
  /// - Throws: `node.no-majority`, `node.not-ready`, `node.busy` when the entry was not taken at all;
  ///   `node.unacknowledged` when it was, and it is not known what became of it before `deadline`, or before the task is
  ///   cancelled.
  nonisolated func submit(_ entry: Entry, before deadline: ContinuousClock.Instant) async throws -> EntryPlace {
    let ticket = try EntryTicket(entry)
    if try queue.add(ticket) { await wake() }
    deadlines.add(ticket, before: deadline)
    return try await ticket.place()
  }
}
