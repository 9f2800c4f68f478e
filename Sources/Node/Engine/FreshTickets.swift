import Chain
import GoudCore
import Replication

/// Tells apart, of entries that are to be put into a block, those that may be from those that are in the chain already:
/// an entry that comes twice, because the answer to the first was lost, is answered with its place and not added again.
struct FreshTickets {
  /// To be put into the block, in this order.
  private(set) var tickets: [EntryTicket] = []
  /// The same entry again, with the index that it gets.
  private(set) var repeated: [(EntryTicket, Int)] = []
  private var indexes: [EntryName: Int] = [:]
  private var keyHashes: Set<[UInt8]> = []

  /// Settles, or lets wait, what is in the chain already or must not be.
  init(_ waiting: [EntryTicket], core: EngineCore) throws {
    for ticket in waiting {
      if let position = try core.store.ledger.position(of: ticket.entry) {
        try answer(ticket, at: position, core)
      } else if let index = indexes[ticket.entry.name] {
        repeated.append((ticket, index))
      } else if let fault = try objection(to: ticket.entry, core.store.ledger) {
        ticket.settle(.failure(fault))
      } else {
        indexes[ticket.entry.name] = tickets.count
        if case .account(let account) = ticket.entry { keyHashes.insert(account.keyHash) }
        tickets.append(ticket)
      }
    }
  }

  private func answer(_ ticket: EntryTicket, at position: EntryPosition, _ core: EngineCore) throws {
    guard let block = core.store.block(at: position.height) else {
      throw GoudError(.databaseCorrupt, "an index names block \(position.height), which is not there")
    }
    try core.wait(for: EntryWaiter(ticket: ticket, block: block, index: Int(position.index)), at: position.height)
  }

  private func objection(to entry: Entry, _ ledger: Ledger) throws -> GoudError? {
    switch entry {
    case .genesis: return GoudError(.requestInvalid, "a genesis entry cannot be submitted")
    case .account(let account):
      guard try keyHashes.contains(account.keyHash) || ledger.hasAccount(keyHash: account.keyHash) else { return nil }
      return GoudError(.requestInvalid, "an account with this API key is there already")
    case .data(let data):
      guard try indexes[EntryName(isAccount: true, id: data.account)] == nil && !ledger.hasAccount(data.account) else {
        return nil
      }
      return GoudError(.accountUnknown, "the account is not in the chain")
    }
  }
}

/// Accounts and data have ids of their own: whoever submits chooses both.
private struct EntryName: Hashable {
  let isAccount: Bool
  let id: [UInt8]
}

extension Entry {
  fileprivate var name: EntryName {
    if case .account = self { EntryName(isAccount: true, id: id) } else { EntryName(isAccount: false, id: id) }
  }

  /// What an entry must not share with another of its kind.
  var id: [UInt8] {
    switch self {
    case .genesis: []
    case .account(let account): account.id
    case .data(let data): data.id
    }
  }
}
