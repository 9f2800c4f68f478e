import GoudCore

/// A follower's entries on their way: sent to the authority, or to be sent again, and not yet seen in the chain.
///
/// An entry carries its id, and the authority adds none twice: what may have been lost with a connection, or was taken
/// back with its block, is sent again as long as somebody waits for it.
struct HandedOn {
  private struct Item {
    let ticket: EntryTicket
    /// It was sent before, and may be in a block.
    var again = false
  }

  /// By id.
  private var items: [[UInt8]: Item] = [:]
  /// Those that are to be sent again, before anything new.
  private var unsent: [[UInt8]] = []
  /// Those that are to be sent again later.
  private var postponed: [[UInt8]] = []
  /// Those that nobody waits for are looked for when there are more than this.
  private var bound = 1024

  var isEmpty: Bool { items.isEmpty }
  var hasUnsent: Bool { !unsent.isEmpty }

  /// What to send next, counted as sent from now on: what is to be sent again, then what `queue` holds.
  mutating func next(from queue: EntryQueue) -> [EntryTicket] {
    let again = nextUnsent()
    guard again.isEmpty else { return again }
    let fresh = queue.take(entries: PeerLimits.submittedEntries, bytes: PeerLimits.submittedBytes)
    for ticket in fresh { items[ticket.entry.id] = Item(ticket: ticket) }
    forgetSettled()
    return fresh
  }

  private mutating func nextUnsent() -> [EntryTicket] {
    var next: [EntryTicket] = []
    var (passed, bytes) = (0, 0)
    for id in unsent {
      if let ticket = items[id]?.ticket, !ticket.isSettled {
        bytes += ticket.encoded.count
        guard next.isEmpty || next.count < PeerLimits.submittedEntries && bytes <= PeerLimits.submittedBytes else {
          break
        }
        next.append(ticket)
      }
      passed += 1
    }
    unsent.removeFirst(passed)
    return next
  }

  /// The entry is in a block.
  mutating func seen(_ id: [UInt8]) -> EntryTicket? { items.removeValue(forKey: id)?.ticket }

  /// Their blocks were taken back.
  mutating func lost(_ tickets: [EntryTicket]) {
    for ticket in tickets {
      items[ticket.entry.id] = Item(ticket: ticket, again: true)
      unsent.append(ticket.entry.id)
    }
  }

  /// The connection is new: nobody knows what became of what was sent over the last one.
  mutating func reconnected() {
    forgetSettled(all: true)
    items = items.mapValues { Item(ticket: $0.ticket, again: true) }
    unsent = Array(items.keys)
    postponed = []
  }

  /// The authority has put an entry into no block. It may be in one all the same, because the authority does not know, or
  /// takes nothing at the moment and has taken it before: such an entry is kept for `retry`.
  mutating func turnedDown(_ id: [UInt8], _ error: GoudError) {
    guard let item = items[id] else { return }
    let passing = [.nodeNotReady, .nodeNoMajority, .nodeNoRoom, .nodeBusy].contains(error.code)
    if error.code == .nodeUnacknowledged || item.again && passing {
      items[id]?.again = true
      postponed.append(id)
    } else {
      items[id] = nil
      item.ticket.settle(.failure(error))
    }
  }

  var hasPostponed: Bool { !postponed.isEmpty }

  mutating func retry() {
    unsent += postponed
    postponed = []
  }

  mutating func giveUp(_ error: GoudError) {
    for item in items.values { item.ticket.settle(.failure(error)) }
    self = HandedOn()
  }

  private mutating func forgetSettled(all: Bool = false) {
    guard all || items.count > bound else { return }
    items = items.filter { !$0.value.ticket.isSettled }
    bound = max(1024, 2 * items.count)
  }
}
