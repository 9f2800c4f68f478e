import GoudCore
import RocksDB
import Synchronization

/// What each account stores: the encoded bytes of its data entries, acknowledged or not.
///
/// The sums are written in the same write as the blocks that they come from, so they hold whatever happens to the
/// process. They are an index that can be made anew: `counted` says up to which block they were counted, and by its hash
/// which one. A ledger that has none, or that an older release has written on, is counted by and by (`countStored`),
/// and until then nobody is told a sum.
extension Ledger {
  /// - Returns: bytes; nil while they are being counted.
  public func stored(by account: [UInt8]) throws -> UInt64? {
    try writing.withLock { _ in
      let state = state.withLock { $0 }
      guard state.counted == state.head.height else { return nil }
      return try storedSum(account)
    }
  }

  /// Counts some blocks that are not counted yet; the ledger can be used meanwhile.
  /// - Returns: whether more are left.
  public func countStored() throws -> Bool {
    try writing.withLock { _ in
      let state = state.withLock { $0 }
      guard let counted = state.counted else { return try beginCounting() }
      guard counted < state.head.height else { return false }
      let blocks = try blocks(from: counted + 1, limit: 1024, maxBytes: 2 << 20).enumerated().map {
        try decode($1, counted + 1 + UInt64($0))
      }
      let batch = WriteBatch()
      var sums = StoredSums()
      for block in blocks { sums.add(block, try entries(of: block)) }
      let values = try put(sums, into: batch)
      // `blocks` gives one at least.
      put(counted: blocks.last!.reference, into: batch)
      try guarded { try database.write(batch) }
      remember(counted: blocks.last!.height, values)
      return blocks.last!.height < state.head.height
    }
  }

  /// Removes what another count has left, then begins with block 0, which stores nothing.
  private func beginCounting() throws -> Bool {
    let batch = WriteBatch()
    var rows = 0
    try guarded {
      try database.scan(family: LedgerFormat.meta, from: LedgerFormat.Meta.stored, readAhead: 0) { key, _ in
        guard key.starts(with: LedgerFormat.Meta.stored), rows < 4096 else { return false }
        database.delete(Array(key), into: batch)
        rows += 1
        return true
      }
    }
    if rows < 4096 { put(counted: genesisBlock.reference, into: batch) }
    try guarded { try database.write(batch) }
    if rows < 4096 { remember(counted: 0, [:]) }
    return true
  }

  /// For the write that appends `blocks` after `head`: what is counted up to there is counted on.
  /// - Returns: what to give to `remember` once it is written; nil when nothing is counted on.
  func count(_ blocks: [Block], _ contents: [[Entry]], after head: BlockReference, into batch: WriteBatch) throws
    -> [[UInt8]: UInt64]?
  {
    guard let last = blocks.last, state.withLock({ $0.counted }) == head.height else { return nil }
    var sums = StoredSums()
    for (block, entries) in zip(blocks, contents) { sums.add(block, entries) }
    put(counted: last.reference, into: batch)
    return try put(sums, into: batch)
  }

  /// For the write that takes back `blocks`, down to `head`: those that were counted.
  func uncount(_ blocks: [(Block, [Entry])], to head: BlockReference, into batch: WriteBatch) throws {
    guard let counted = state.withLock({ $0.counted }), counted > head.height else { return }
    var sums = StoredSums()
    for (block, entries) in blocks where block.height <= counted { sums.add(block, entries) }
    for (account, bytes) in sums.bytes {
      let (rest, overflow) = try storedSum(account).subtractingReportingOverflow(bytes)
      guard !overflow else { throw LedgerFault.corrupt(directory, "what an account stores does not fit the blocks") }
      database.put(LedgerFormat.key(rest), for: LedgerFormat.Meta.stored(account), into: batch)
    }
    put(counted: head, into: batch)
  }

  /// It is written.
  func remember(counted height: UInt64, _ values: [[UInt8]: UInt64]) {
    state.withLock { $0.counted = height }
    knownSums.withLock { known in
      if known.count + values.count > Self.mostKnownSums { known.removeAll(keepingCapacity: true) }
      if values.count <= Self.mostKnownSums { known.merge(values) { $1 } }
    }
  }

  private static let mostKnownSums = 4096

  private func put(_ sums: StoredSums, into batch: WriteBatch) throws -> [[UInt8]: UInt64] {
    var values: [[UInt8]: UInt64] = [:]
    for (account, bytes) in sums.bytes {
      let value = try storedSum(account) + bytes
      database.put(LedgerFormat.key(value), for: LedgerFormat.Meta.stored(account), into: batch)
      values[account] = value
    }
    return values
  }

  private func put(counted block: BlockReference, into batch: WriteBatch) {
    database.put(LedgerFormat.key(block.height) + block.hash.bytes, for: LedgerFormat.Meta.counted, into: batch)
  }

  private func storedSum(_ account: [UInt8]) throws -> UInt64 {
    if let known = knownSums.withLock({ $0[account] }) { return known }
    guard let value = try index(LedgerFormat.meta, LedgerFormat.Meta.stored(account)) else { return 0 }
    // Far below what a sum can come to in a database of any size.
    guard value.count == 8, let sum: UInt64 = value.bigEndian(), sum <= .max >> 1 else {
      throw LedgerFault.corrupt(directory, "what an account stores cannot be read")
    }
    return sum
  }
}

/// Bytes that some blocks store, by account.
private struct StoredSums {
  private(set) var bytes: [[UInt8]: UInt64] = [:]

  /// - Parameter entries: of the block, in order.
  mutating func add(_ block: Block, _ entries: [Entry]) {
    for (encoded, entry) in zip(block.entries, entries) {
      if case .data(let data) = entry { bytes[data.account, default: 0] += UInt64(encoded.count) }
    }
  }
}
