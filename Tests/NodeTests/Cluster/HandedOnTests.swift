import Chain
import GoudCore
import Replication
import Synchronization
import Testing

@testable import Node

/// What becomes of entries that a follower hands on, and how long anybody waits for one.
@Suite struct HandedOnTests {
  private let queue: EntryQueue

  init() {
    queue = EntryQueue(refusal: GoudError(.nodeNotReady, "closed"))
    queue.open()
  }

  private func ticket(bytes: Int = 100) throws -> EntryTicket {
    try EntryTicket(Cluster.data(of: Cluster.account(), bytes: bytes))
  }

  private func waiting(_ count: Int, bytes: Int = 100) throws -> [EntryTicket] {
    let tickets = try (0..<count).map { _ in try ticket(bytes: bytes) }
    for ticket in tickets { _ = try queue.add(ticket) }
    return tickets
  }

  private func error(_ ticket: EntryTicket) -> ErrorCode? {
    let code = Mutex<ErrorCode?>(nil)
    ticket.whenSettled { outcome in
      if case .failure(let error) = outcome { code.withLock { $0 = error.code } }
    }
    return code.withLock { $0 }
  }

  @Test func aMessageHoldsManyEntriesOrOneLargeOne() throws {
    var handedOn = HandedOn()
    let large = try waiting(3, bytes: PeerLimits.submittedBytes - 1024)
    #expect(handedOn.next(from: queue).map(\.entry) == [large[0].entry])
    #expect(handedOn.next(from: queue).map(\.entry) == [large[1].entry])
    // The same when they are sent again.
    handedOn.reconnected()
    #expect(handedOn.hasUnsent)
    #expect(handedOn.next(from: queue).count == 1 && handedOn.next(from: queue).count == 1)
    #expect(handedOn.next(from: queue).map(\.entry) == [large[2].entry])
    _ = try waiting(PeerLimits.submittedEntries + 1)
    #expect(handedOn.next(from: queue).count == PeerLimits.submittedEntries)
    #expect(handedOn.next(from: queue).count == 1)
    #expect(handedOn.next(from: queue).isEmpty)
  }

  @Test func whatIsSeenInABlockIsNotSentAgain() throws {
    var handedOn = HandedOn()
    let tickets = try waiting(3)
    #expect(handedOn.next(from: queue).count == 3)
    #expect(handedOn.seen(tickets[1].entry.id) === tickets[1])
    #expect(handedOn.seen(tickets[1].entry.id) == nil)
    handedOn.reconnected()
    #expect(handedOn.seen(tickets[2].entry.id) === tickets[2])
    #expect(handedOn.next(from: queue).map(\.entry.id) == [tickets[0].entry.id])
    // Its block was taken back.
    handedOn.lost([tickets[1]])
    #expect(handedOn.next(from: queue).map(\.entry.id) == [tickets[1].entry.id])
    tickets[0].settle(.failure(EntryTicket.unknown))
    handedOn.reconnected()
    #expect(!handedOn.next(from: queue).contains { $0 === tickets[0] })
  }

  @Test func aRefusalCountsUnlessTheEntryMayBeInABlock() throws {
    var handedOn = HandedOn()
    let tickets = try waiting(4)
    _ = handedOn.next(from: queue)
    let absent = GoudError(.nodeNoMajority, "nobody is here")
    handedOn.turnedDown(tickets[0].entry.id, absent)
    #expect(error(tickets[0]) == .nodeNoMajority)
    handedOn.turnedDown(tickets[1].entry.id, EntryTicket.unknown)
    #expect(!tickets[1].isSettled && !handedOn.hasUnsent)
    handedOn.retry()
    #expect(handedOn.next(from: queue).map(\.entry.id) == [tickets[1].entry.id])
    handedOn.reconnected()
    #expect(handedOn.next(from: queue).count == 3)
    handedOn.turnedDown(tickets[2].entry.id, absent)
    handedOn.turnedDown(tickets[3].entry.id, GoudError(.requestInvalid, "no"))
    handedOn.turnedDown([1, 2, 3], absent)
    #expect(error(tickets[3]) == .requestInvalid)
    // While it waits to be sent again, it is seen in a block.
    #expect(handedOn.seen(tickets[2].entry.id) === tickets[2])
    handedOn.retry()
    #expect(handedOn.next(from: queue).isEmpty)
  }

  @Test func whatNobodyWaitsForIsForgotten() throws {
    var handedOn = HandedOn()
    var ids: [[UInt8]] = []
    var waited: [EntryTicket] = []
    for _ in 0..<20 {
      let tickets = try waiting(PeerLimits.submittedEntries)
      _ = handedOn.next(from: queue)
      ids += tickets.map(\.entry.id)
      for ticket in tickets.dropLast() { ticket.settle(.failure(EntryTicket.unknown)) }
      waited.append(tickets[tickets.count - 1])
    }
    #expect(waited.allSatisfy { handedOn.seen($0.entry.id) === $0 })
    let kept = ids.count { handedOn.seen($0) != nil }
    #expect(kept <= 1024 + PeerLimits.submittedEntries)
  }

  @Test func aTicketIsGivenUpAtItsDeadlineAndNotBefore() async throws {
    let deadlines = Deadlines()
    let begin = ContinuousClock.now
    let (early, late, answered) = (try ticket(), try ticket(), try ticket())
    deadlines.add(answered, before: begin + .milliseconds(100))
    deadlines.add(early, before: begin + .milliseconds(200))
    deadlines.add(late, before: begin + .seconds(3600))
    let place = EntryPlace(block: .init(height: 1, epoch: 1, hash: []), index: 0)
    answered.settle(.success(place))
    #expect(try await answered.place() == place)
    let error = await #expect(throws: GoudError.self) { try await early.place() }
    #expect(error?.code == .nodeUnacknowledged)
    #expect(ContinuousClock.now - begin >= .milliseconds(200))
    #expect(!late.isSettled)
  }

  @Test func whatIsAnsweredIsNotKeptBehindOneThatWaits() throws {
    let deadlines = Deadlines()
    let late = try ticket()
    deadlines.add(late, before: .now + .seconds(3600))
    weak var answered: EntryTicket?
    do {
      let ticket = try ticket()
      answered = ticket
      deadlines.add(ticket, before: .now + .seconds(3600))
      ticket.settle(.failure(EntryTicket.unknown))
    }
    #expect(answered == nil)
    #expect(!late.isSettled)
  }
}
