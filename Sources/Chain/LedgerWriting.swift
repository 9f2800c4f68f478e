import GoudCore
import RocksDB
import Synchronization

extension Ledger {
  /// Appends blocks, with what finds their entries, all together or not at all.
  ///
  /// - Parameters:
  ///   - blocks: in order, the first one following the head; checked by `BlockRules` before.
  ///   - contents: what the entries of each say, as the check has read them; nil: they are read here.
  ///   - acknowledged: raises the acknowledged height in the same write; held to the new head.
  ///   - sync: wait until they are on the device. What is not waited for is there after this process is killed, but
  ///     perhaps not after the power fails.
  /// - Throws: `ChainFault` (`height`, `previous`, or `entry`: an id that is taken, data of an account that is not
  ///   there), with nothing changed; `database.corrupt`, `database.failed`: after the latter, the blocks may or may not
  ///   be there when the ledger is next opened.
  public func append(
    _ blocks: [Block], contents: [[Entry]]? = nil, acknowledged: UInt64? = nil, sync: Bool = true
  ) throws {
    guard let last = blocks.last else { return }
    try writing.withLock { _ in
      let before = state.withLock { $0 }
      try refuseGaps(blocks, after: before.head)
      let contents = try contents ?? blocks.map { try $0.readEntries() }
      let batch = WriteBatch()
      var fresh = FreshEntries(ledger: self)
      for (block, entries) in zip(blocks, contents) {
        database.put(block.encoded, for: LedgerFormat.key(block.height), family: LedgerFormat.blocks, into: batch)
        for row in try fresh.rows(of: entries, at: block.height) {
          database.put(row.value, for: row.key, family: row.family, into: batch)
        }
      }
      database.put(LedgerFormat.head(last.reference), for: LedgerFormat.Meta.head, into: batch)
      let sums = try count(blocks, contents, after: before.head, into: batch)
      let reached = min(max(acknowledged ?? 0, before.acknowledged), last.height)
      if reached > before.acknowledged {
        database.put(LedgerFormat.key(reached), for: LedgerFormat.Meta.acknowledged, into: batch)
      }
      try guarded { try database.write(batch, sync: sync) }
      state.withLock {
        $0.head = last.reference
        $0.acknowledged = max($0.acknowledged, reached)
      }
      if let sums { remember(counted: last.height, sums) }
      noteRevocations(in: contents)
    }
  }

  private func refuseGaps(_ blocks: [Block], after head: BlockReference) throws {
    var previous = head
    for block in blocks {
      guard block.height == previous.height + 1 else {
        throw ChainFault(.height, at: block.height, "does not follow \(previous)")
      }
      guard block.previous == previous.hash, block.chain == chain else {
        throw ChainFault(.previous, at: block.height, "does not follow \(previous)")
      }
      previous = block.reference
    }
  }

  /// Takes back every block above `height`, newest first, with what finds their entries. Killed half-way, it leaves a
  /// whole ledger with some of them gone. Returns when it is on the device.
  ///
  /// - Parameter force: also below the acknowledged height, which then goes down with the head.
  /// - Throws: `chain.acknowledged` with nothing changed; `database.corrupt`, `database.failed`.
  public func truncate(above height: UInt64, force: Bool = false) throws {
    try writing.withLock { _ in
      let before = state.withLock { $0 }
      guard height < before.head.height else { return }
      guard force || height >= before.acknowledged else {
        throw GoudError(
          .chainAcknowledged, "block \(height + 1) is acknowledged and cannot be taken back",
          context: ["height": "\(height)", "acknowledged": "\(before.acknowledged)"])
      }
      var top = before.head.height
      while top > height {
        let chunk = min(top - height, 1024)
        try takeBack(from: top, to: top - chunk)
        top -= chunk
      }
      // A million markers of what was removed would slow the next opening down.
      if before.head.height - height > 10_000 {
        for family in LedgerFormat.families { database.compact(family: family) }
      }
    }
  }

  /// One write: removes the blocks `height + 1 ... top`.
  private func takeBack(from top: UInt64, to height: UInt64) throws {
    let batch = WriteBatch()
    var taken: [(Block, [Entry])] = []
    for number in stride(from: top, to: height, by: -1) {
      guard
        let bytes = try guarded({
          try database.value(for: LedgerFormat.key(number), family: LedgerFormat.blocks)
        })
      else { throw LedgerFault.corrupt(directory, "block \(number) is missing") }
      let block = try decode(bytes, number)
      let entries = try entries(of: block)
      for row in rows(of: block, entries) { database.delete(row.key, family: row.family, into: batch) }
      taken.append((block, entries))
      database.delete(LedgerFormat.key(number), family: LedgerFormat.blocks, into: batch)
    }
    guard let head = try block(at: height)?.reference else {
      throw LedgerFault.corrupt(directory, "block \(height) is missing")
    }
    try uncount(taken, to: head, into: batch)
    let acknowledged = min(self.acknowledged, height)
    database.put(LedgerFormat.head(head), for: LedgerFormat.Meta.head, into: batch)
    database.put(LedgerFormat.key(acknowledged), for: LedgerFormat.Meta.acknowledged, into: batch)
    try guarded { try database.write(batch, sync: true) }
    knownAccounts.withLock { $0.removeAll() }
    knownSums.withLock { $0.removeAll() }
    noteRevocation()
    state.withLock {
      $0.head = head
      $0.counted = $0.counted.map { min($0, height) }
      $0.acknowledged = acknowledged
    }
  }

  private func rows(of block: Block, _ entries: [Entry]) -> [IndexRow] {
    entries.enumerated().flatMap { index, entry in
      IndexRow.rows(of: entry, at: EntryPosition(height: block.height, index: UInt32(index)))
    }
  }

  func entries(of block: Block) throws -> [Entry] {
    do {
      return try block.readEntries()
    } catch {
      throw LedgerFault.corrupt(directory, error.description, cause: error)
    }
  }

  /// Raises the acknowledged height, held to the head; never lowers it. Not waited for: it is on the device with the
  /// next write that is.
  public func setAcknowledged(_ height: UInt64) throws {
    try writing.withLock { _ in
      let before = state.withLock { $0 }
      let reached = min(height, before.head.height)
      guard reached > before.acknowledged else { return }
      try guarded { try database.put(LedgerFormat.key(reached), for: LedgerFormat.Meta.acknowledged) }
      state.withLock { $0.acknowledged = reached }
    }
  }

  /// Records a promise. On the device when it returns.
  public func setPromise(_ promise: EpochPromise) throws {
    try writing.withLock { _ in
      try guarded {
        try database.put(
          LedgerFormat.key(promise.epoch) + promise.nonce, for: LedgerFormat.Meta.promise, sync: true)
      }
      state.withLock { $0.promise = promise }
    }
  }
}

/// Holds the entries of blocks to be appended against those that are there, and against each other.
private struct FreshEntries {
  let ledger: Ledger
  private var taken: Set<IndexRow.Name> = []

  init(ledger: Ledger) { self.ledger = ledger }

  mutating func rows(of entries: [Entry], at height: UInt64) throws -> [IndexRow] {
    var rows: [IndexRow] = []
    for (index, entry) in entries.enumerated() {
      let position = EntryPosition(height: height, index: UInt32(index))
      for row in IndexRow.rows(of: entry, at: position) {
        // Positions are new by themselves.
        if row.family != LedgerFormat.entries { try take(row, height) }
        rows.append(row)
      }
      if case .data(let data) = entry, try !hasAccount(data.account) {
        throw ChainFault(.entry, at: height, "entry \(index) is of an account that is not there")
      }
    }
    return rows
  }

  private mutating func take(_ row: IndexRow, _ height: UInt64) throws {
    let name = IndexRow.Name(family: row.family, key: row.key)
    if try isTaken(name) { throw ChainFault(.entry, at: height, "an id of \(row.family) is there already") }
    taken.insert(name)
  }

  private func hasAccount(_ id: [UInt8]) throws -> Bool {
    try taken.contains(.init(family: LedgerFormat.accounts, key: id)) || ledger.hasAccount(id)
  }

  private func isTaken(_ name: IndexRow.Name) throws -> Bool {
    try taken.contains(name) || ledger.index(name.family, name.key) != nil
  }
}

extension Block {
  fileprivate func readEntries() throws(ChainFault) -> [Entry] {
    try entries.map { bytes throws(ChainFault) in try Entry(decoding: bytes, height: height) }
  }
}

extension IndexRow {
  fileprivate struct Name: Hashable {
    let family: String
    let key: [UInt8]
  }
}
