import GoudCore
import RocksDB
import Synchronization

/// For whoever makes blocks: what is in the chain already, acknowledged or not.
extension Ledger {
  /// Where an entry with this one's id stands; nil when there is none.
  public func position(of entry: Entry) throws -> EntryPosition? {
    let value: [UInt8]?
    switch entry {
    case .genesis: return EntryPosition(height: 0, index: 0)
    case .account(let account): value = try index(LedgerFormat.accounts, account.id)
    case .data(let data): value = try index(LedgerFormat.entryIDs, data.id).map { Array($0.dropFirst(Account.idCount)) }
    }
    guard let value else { return nil }
    guard let position = EntryPosition(value) else {
      throw LedgerFault.corrupt(directory, "an index does not fit the blocks")
    }
    return position
  }

  /// Whether there is an account of this id, acknowledged or not.
  public func hasAccount(_ id: [UInt8]) throws -> Bool {
    // Held while it is looked for, so that one that is taken back meanwhile is not remembered.
    try knownAccounts.withLock { known in
      if known.contains(id) { return true }
      guard try index(LedgerFormat.accounts, id) != nil else { return false }
      if known.count >= Self.mostKnownAccounts { known.removeAll(keepingCapacity: true) }
      known.insert(id)
      return true
    }
  }

  private static let mostKnownAccounts = 4096

  /// Whether an account has the hash of this API key, acknowledged or not.
  public func hasAccount(keyHash: [UInt8]) throws -> Bool { try index(LedgerFormat.accountKeys, keyHash) != nil }

  /// Waits until everything that was appended before this call is on the device. Others may append meanwhile.
  public func synchronize() throws { try guarded { try database.synchronize() } }
}
