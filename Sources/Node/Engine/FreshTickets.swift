import Chain
import GoudCore
import Replication

/// Tells apart, of entries that are to be put into a block, those that may be from those that are in the chain already:
/// an entry that comes twice, because the answer to the first was lost, is answered with its place and not added again.
struct FreshTickets {
  /// What an account may store beyond its quota of entries that end its sessions: some 400 of them.
  static let beyondQuota: UInt64 = 64 << 10
  /// Of one of them; those that a node makes have less.
  private static let endingBytes = 512

  /// To be put into the block, in this order.
  private(set) var tickets: [EntryTicket] = []
  /// The same entry again, with the index that it gets.
  private(set) var repeated: [(EntryTicket, Int)] = []
  private var indexes: [EntryName: Int] = [:]
  private var keyHashes: Set<[UInt8]> = []
  /// Accounts whose key was not ended before this block, and is not in it.
  private var unrevoked: Set<[UInt8]> = []
  /// Bytes of these tickets, by account, where there is a quota.
  private var weights: [[UInt8]: UInt64] = [:]

  /// Settles, or lets wait, what is in the chain already or must not be.
  init(_ waiting: [EntryTicket], core: EngineCore) throws {
    for ticket in waiting {
      if try core.answerKnown(ticket) {
        continue
      } else if let index = indexes[ticket.entry.name] {
        repeated.append((ticket, index))
      } else if let fault = try objection(to: ticket.entry, core.store.ledger) ?? excess(of: ticket, core) {
        ticket.settle(.failure(fault))
      } else {
        indexes[ticket.entry.name] = tickets.count
        if case .account(let account) = ticket.entry { keyHashes.insert(account.keyHash) }
        tickets.append(ticket)
      }
    }
  }

  /// Whether the account's key was ended by an entry before this one: nothing more of it is stored, whichever node a
  /// session of it was found good at.
  private mutating func isRevoked(_ data: SealedData, _ ledger: Ledger) throws -> Bool {
    if !unrevoked.contains(data.account) {
      let ending = EntryName(isAccount: false, id: Revocation.key(of: data.account))
      guard indexes[ending] == nil, try !ledger.isRevoked(data.account) else { return true }
      unrevoked.insert(data.account)
    }
    if data.endsKey { unrevoked.remove(data.account) }
    return false
  }

  /// What the account would store beyond its quota, counted with what this block adds already. Only here, where one
  /// block is made after the other, can nobody be quicker than the sum.
  private mutating func excess(of ticket: EntryTicket, _ core: EngineCore) throws -> GoudError? {
    guard let quota = core.quota, case .data(let data) = ticket.entry, !data.endsKey else { return nil }
    guard let stored = try core.store.ledger.stored(by: data.account) else {
      return GoudError(.nodeNotReady, "it is being counted what accounts store", hint: "try again in a moment")
    }
    let present = stored + weights[data.account, default: 0]
    let sum = present + UInt64(ticket.encoded.count)
    // Whoever has filled the account with a token that he found does not keep its owner from ending that token.
    let beyond = data.endsSessions && ticket.encoded.count <= Self.endingBytes ? Self.beyondQuota : 0
    guard sum <= quota + beyond else {
      return GoudError(
        .accountQuota,
        "the account stores \(present) bytes; with this entry's \(ticket.encoded.count) it would have more than \(quota)",
        hint: "entries cannot be removed: use another account, or ask the operator (ACCOUNT_QUOTA_MIB)")
    }
    weights[data.account] = sum - stored
    return nil
  }

  private mutating func objection(to entry: Entry, _ ledger: Ledger) throws -> GoudError? {
    switch entry {
    case .genesis: return GoudError(.requestInvalid, "a genesis entry cannot be submitted")
    case .account(let account):
      guard try keyHashes.contains(account.keyHash) || ledger.hasAccount(keyHash: account.keyHash) else { return nil }
      return GoudError(.requestInvalid, "an account with this API key is there already")
    case .data(let data):
      guard try indexes[EntryName(isAccount: true, id: data.account)] != nil || ledger.hasAccount(data.account) else {
        return GoudError(.accountUnknown, "the account is not in the chain")
      }
      return try isRevoked(data, ledger) ? .keyRevoked : nil
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
