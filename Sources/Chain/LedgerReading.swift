import GoudCore
import RocksDB

/// An entry with the place it has in the chain.
public struct StoredEntry<Content: Sendable>: Sendable {
  public let content: Content
  public let position: EntryPosition
}

// Blocks, whether acknowledged or not.
extension Ledger {
  /// - Returns: nil above the head.
  /// - Throws: `database.corrupt` when there is something else in its place.
  public func block(at height: UInt64) throws -> Block? {
    guard let bytes = try encodedBlock(at: height) else { return nil }
    return try decode(bytes, height)
  }

  /// The bytes as they were appended.
  public func encodedBlock(at height: UInt64) throws -> [UInt8]? {
    guard height <= head.height else { return nil }
    let bytes = try guarded { try database.value(for: LedgerFormat.key(height), family: LedgerFormat.blocks) }
    // The head may have been taken back since.
    if bytes == nil && height <= head.height { throw LedgerFault.corrupt(directory, "block \(height) is missing") }
    return bytes
  }

  /// - Returns: nil above the head.
  public func reference(at height: UInt64) throws -> BlockReference? {
    let head = head
    return height == head.height ? head : try block(at: height)?.reference
  }

  /// Encoded blocks in order of height, from `from` on: at most `limit`, and no more than `maxBytes` together, but at
  /// least one when there is one. Empty above the head.
  public func blocks(from: UInt64, limit: Int, maxBytes: Int) throws -> [[UInt8]] {
    let head = head.height
    guard from <= head, limit > 0 else { return [] }
    var blocks: [[UInt8]] = []
    var bytes = 0
    try guarded {
      try database.scan(family: LedgerFormat.blocks, from: LedgerFormat.key(from), readAhead: 0, fillCache: false) {
        key, value in
        let expected = from + UInt64(blocks.count)
        guard expected <= head, blocks.isEmpty || bytes + value.count <= maxBytes else { return false }
        guard key.elementsEqual(LedgerFormat.key(expected)) else {
          throw LedgerFault.corrupt(directory, "block \(expected) is missing")
        }
        blocks.append(Array(value))
        bytes += value.count
        return blocks.count < limit
      }
    }
    return blocks
  }

  func decode(_ bytes: [UInt8], _ height: UInt64) throws -> Block {
    do {
      let block = try Block(decoding: bytes, chain: chain)
      guard block.height == height else { throw ChainFault(.height, at: height, "block \(block.height) in its place") }
      return block
    } catch let fault as ChainFault {
      throw LedgerFault.corrupt(directory, "block \(height): \(fault.message)", cause: fault)
    }
  }

  func guarded<Result>(_ body: () throws -> Result) throws -> Result {
    try LedgerFault.translate(directory, body)
  }
}

// Entries, of acknowledged blocks only.
extension Ledger {
  /// - Parameter id: 16 bytes.
  public func account(_ id: [UInt8]) throws -> StoredEntry<Account>? {
    guard let value = try index(LedgerFormat.accounts, id) else { return nil }
    guard let position = EntryPosition(value) else { throw broken(LedgerFormat.accounts) }
    guard let entry = try entry(at: position) else { return nil }
    guard case .account(let account) = entry, account.id == id else { throw broken(LedgerFormat.accounts) }
    return StoredEntry(content: account, position: position)
  }

  /// - Parameter keyHash: SHA-256 of the API key.
  public func account(keyHash: [UInt8]) throws -> StoredEntry<Account>? {
    guard let id = try index(LedgerFormat.accountKeys, keyHash), let found = try account(id) else { return nil }
    guard found.content.keyHash == keyHash else { throw broken(LedgerFormat.accountKeys) }
    return found
  }

  /// - Parameter id: 16 bytes.
  public func entry(_ id: [UInt8]) throws -> StoredEntry<SealedData>? {
    guard let value = try index(LedgerFormat.entryIDs, id) else { return nil }
    guard let position = EntryPosition(value.dropFirst(Account.idCount)) else { throw broken(LedgerFormat.entryIDs) }
    guard let entry = try entry(at: position) else { return nil }
    guard case .data(let data) = entry, data.id == id else { throw broken(LedgerFormat.entryIDs) }
    return StoredEntry(content: data, position: position)
  }

  /// An account's entries, oldest first.
  /// - Parameter after: where the page before ended; nil begins with the first.
  public func entries(
    of account: [UInt8], after: EntryPosition? = nil, limit: Int
  ) throws -> [StoredEntry<SealedData>] {
    let start = after.map { account + $0.bytes + [0] } ?? account
    return try entries(of: account, from: start, backward: false, limit: limit)
  }

  /// An account's entries, newest first.
  /// - Parameter before: where the page before ended; nil begins with the newest.
  public func newestEntries(
    of account: [UInt8], before: EntryPosition? = nil, limit: Int
  ) throws -> [StoredEntry<SealedData>] {
    try contents(of: try newestPositions(of: account, before: before, limit: limit))
  }

  /// Where an account's entries stand, newest first.
  /// - Parameter before: where the page before ended; nil begins with the newest.
  public func newestPositions(
    of account: [UInt8], before: EntryPosition? = nil, limit: Int
  ) throws -> [EntryPosition] {
    let end = EntryPosition(height: acknowledged, index: .max)
    if before == EntryPosition(height: 0, index: 0) { return [] }
    let start = account + (before.map { min($0.preceding, end) } ?? end).bytes
    return try positions(of: account, from: start, backward: true, limit: limit)
  }

  /// What lists show of the entries at some places of an acknowledged block: it is looked at once, where RocksDB has it,
  /// and no payload is read out.
  /// - Parameters:
  ///   - indexes: each once.
  ///   - blockBytes: grows by the size of the block.
  /// - Returns: in the order of `indexes`; nil when the block is not acknowledged.
  /// - Throws: `database.corrupt` when there is no data of an account at one of the places.
  public func heads(in height: UInt64, at indexes: [UInt32], blockBytes: inout Int) throws -> [EntryHead]? {
    guard height <= acknowledged else { return nil }
    let found: [EntryHead]?? = try guarded {
      try database.withValue(for: LedgerFormat.key(height), family: LedgerFormat.blocks, fillCache: false) {
        blockBytes += $0.count
        return try? EntryHead.heads(in: $0, at: indexes)
      }
    }
    // The heads may have been taken back since.
    guard height <= acknowledged else { return nil }
    guard case .some(.some(let heads)) = found else { throw broken(LedgerFormat.entries) }
    return heads
  }

  /// The same of one entry, by its id.
  public func head(of id: [UInt8]) throws -> EntryHead? {
    guard let value = try index(LedgerFormat.entryIDs, id) else { return nil }
    guard let position = EntryPosition(value.dropFirst(Account.idCount)) else { throw broken(LedgerFormat.entryIDs) }
    var bytes = 0
    guard let head = try heads(in: position.height, at: [position.index], blockBytes: &bytes)?.first else { return nil }
    guard head.id == id else { throw broken(LedgerFormat.entryIDs) }
    return head
  }

  private func entries(
    of account: [UInt8], from start: [UInt8], backward: Bool, limit: Int
  ) throws -> [StoredEntry<SealedData>] {
    try contents(of: try positions(of: account, from: start, backward: backward, limit: limit))
  }

  private func positions(
    of account: [UInt8], from start: [UInt8], backward: Bool, limit: Int
  ) throws -> [EntryPosition] {
    guard account.count == Account.idCount, limit > 0 else { return [] }
    let acknowledged = acknowledged
    var positions: [EntryPosition] = []
    try guarded {
      try database.scan(family: LedgerFormat.entries, from: start, backward: backward, readAhead: 0) { key, _ in
        guard key.count == Account.idCount + EntryPosition.count, key.prefix(Account.idCount).elementsEqual(account),
          let position = EntryPosition(key.dropFirst(Account.idCount))
        else { return false }
        if position.height <= acknowledged { positions.append(position) }
        return positions.count < limit && (backward || position.height <= acknowledged)
      }
    }
    return positions
  }

  /// Reads each block once, however many of its entries are wanted.
  private func contents(of positions: [EntryPosition]) throws -> [StoredEntry<SealedData>] {
    var block: Block?
    return try positions.compactMap { position in
      if block?.height != position.height { block = try self.block(at: position.height) }
      guard let block else { return nil }
      guard case .data(let data) = try entry(of: block, position) else { throw broken(LedgerFormat.entries) }
      return StoredEntry(content: data, position: position)
    }
  }

  private func entry(at position: EntryPosition) throws -> Entry? {
    guard position.height <= acknowledged else { return nil }
    return try block(at: position.height).map { try entry(of: $0, position) }
  }

  private func entry(of block: Block, _ position: EntryPosition) throws -> Entry {
    guard position.index < block.entries.count else { throw broken("block \(block.height)") }
    do {
      return try Entry(decoding: block.entries[Int(position.index)], height: block.height)
    } catch {
      throw LedgerFault.corrupt(directory, error.description, cause: error)
    }
  }

  func index(_ family: String, _ key: [UInt8]) throws -> [UInt8]? {
    try guarded { try database.value(for: key, family: family) }
  }

  private func broken(_ family: String) -> GoudError {
    LedgerFault.corrupt(directory, "the index \(family) does not fit the blocks")
  }
}

extension EntryPosition {
  /// The greatest position below; itself when there is none.
  fileprivate var preceding: EntryPosition {
    if index > 0 { return EntryPosition(height: height, index: index - 1) }
    return height > 0 ? EntryPosition(height: height - 1, index: .max) : self
  }
}
