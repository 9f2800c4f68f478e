import Foundation
import GoudCore
import RocksDB

/// Reads ranges of blocks and checks each one; any number of ranges at a time.
struct ChainWalk: Sendable {
  let database: Database
  /// 32 bytes.
  let chain: [UInt8]
  /// The authority's public key, 32 bytes.
  let authority: [UInt8]
  let signatures: SignatureCheck
  let secret: IndexSum.Secret
  /// Up to this height it was counted what accounts store; nil: it was not.
  let counted: UInt64?
  let progress: any ProgressSink
  let cancellation: Cancellation

  static let zeros = [UInt8](repeating: 0, count: 32)

  /// What a block must follow.
  struct Link: Sendable {
    var hash: [UInt8]
    var epoch: UInt64
    var time: UInt64
  }

  /// What a range held, up to the first fault.
  struct Outcome: Sendable {
    var blocks: UInt64 = 0
    var entries: UInt64 = 0
    var bytes: UInt64 = 0
    var sums = IndexSums()
    /// Of the blocks up to `counted`.
    var stored = StoredSum()
    var first: Link?
    var last: Link?
    /// How often the epoch rises within the range.
    var risings: UInt64 = 0
    /// A `ChainFault`, or what RocksDB or the operator answered.
    var fault: (any Error)?
  }

  /// Walks from the lowest height of `range` to the highest; both must be there.
  func walk(_ range: ClosedRange<UInt64>) -> Outcome {
    var outcome = Outcome()
    do {
      try cancellation.check()
      outcome.last = try link(before: range.lowerBound)
      try walk(range, &outcome)
    } catch {
      outcome.fault = error
    }
    return outcome
  }

  private func walk(_ range: ClosedRange<UInt64>, _ outcome: inout Outcome) throws {
    var expected = range.lowerBound
    var unreported = 0
    // From the very beginning, so that a key that sorts before block 0 is met.
    let start = expected == 0 ? [] : Self.key(expected)
    try database.scan(family: "blocks", from: start, fillCache: false) { key, value in
      guard key.elementsEqual(Self.key(expected)) else {
        throw ChainFault(.missing, at: expected, "missing; key \(Hex.text(key.prefix(16))) is in its place")
      }
      try check(value, at: expected, &outcome)
      expected += 1
      unreported += value.count
      if unreported >= 1 << 20 || expected & 255 == 0 {
        try cancellation.check()
        progress.advance(unreported)
        unreported = 0
      }
      return expected <= range.upperBound
    }
    progress.advance(unreported)
    guard expected > range.upperBound else { throw ChainFault(.missing, at: expected, "missing") }
  }

  private func link(before height: UInt64) throws -> Link? {
    guard height > 0 else { return nil }
    guard let bytes = try database.value(for: Self.key(height - 1), family: "blocks") else {
      throw ChainFault(.missing, at: height - 1, "missing")
    }
    return try bytes.withUnsafeBytes { bytes in
      let block = try Self.scan(bytes, height - 1)
      return Link(hash: block.hash(chain: height == 1 ? Self.zeros : chain), epoch: block.epoch, time: block.time)
    }
  }

  private func check(_ bytes: UnsafeRawBufferPointer, at height: UInt64, _ outcome: inout Outcome) throws {
    let block = try Self.scan(bytes, height)
    let hash = block.hash(chain: height == 0 ? Self.zeros : chain)
    try checkPlace(block, height, outcome.last)
    try checkContent(block, height, hash)
    for (index, entry) in block.entries.enumerated() { try add(entry, height, index, &outcome) }
    if let last = outcome.last, outcome.first != nil, last.epoch < block.epoch { outcome.risings += 1 }
    let link = Link(hash: hash, epoch: block.epoch, time: block.time)
    outcome.first = outcome.first ?? link
    outcome.last = link
    outcome.blocks += 1
    outcome.entries += UInt64(block.entries.count)
    outcome.bytes += UInt64(bytes.count)
  }

  private func checkPlace(_ block: ScannedBlock, _ height: UInt64, _ previous: Link?) throws(ChainFault) {
    guard block.height == height else {
      throw ChainFault(.height, at: height, "block \(block.height) is in its place")
    }
    guard block.previous.elementsEqual(previous?.hash ?? Self.zeros) else {
      throw ChainFault(.previous, at: height, "does not name the hash of the block before it")
    }
    guard block.epoch >= previous?.epoch ?? 0, height > 0 || block.epoch == 0 else {
      throw ChainFault(.epoch, at: height, "epoch \(block.epoch) after epoch \(previous?.epoch ?? 0)")
    }
    guard block.time >= previous?.time ?? 0 else {
      throw ChainFault(.time, at: height, "earlier than the block before it")
    }
    guard block.epoch >> 63 == 0 else {
      throw ChainFault(.epoch, at: height, "epoch \(block.epoch), which no chain comes to")
    }
    guard block.time < 253_402_300_800_000 else { throw ChainFault(.time, at: height, "after the year 9999") }
  }

  private func checkContent(_ block: ScannedBlock, _ height: UInt64, _ hash: [UInt8]) throws(ChainFault) {
    guard block.merkleRoot.elementsEqual(ScannedBlock.root(block.entries[...])) else {
      throw ChainFault(.merkleRoot, at: height, "the Merkle root is not that of the entries")
    }
    guard block.producer.elementsEqual(authority) else {
      throw ChainFault(.producer, at: height, "not made by the authority")
    }
    guard signatures.isGood(block.signature, over: hash) else {
      throw ChainFault(.signature, at: height, "the signature is not the authority's")
    }
  }

  private func add(
    _ bytes: UnsafeRawBufferPointer, _ height: UInt64, _ index: Int, _ outcome: inout Outcome
  ) throws(ChainFault) {
    let entry = try Self.entry(bytes, height, index)
    for row in IndexFamily.rows(of: entry, at: IndexFamily.place(height, index)) {
      outcome.sums[row.family].add(row.key, row.value, secret)
    }
    if case .data(_, let account) = entry, let counted, height <= counted {
      outcome.stored.add(account, UInt64(bytes.count), secret)
    }
  }

  static func entry(_ bytes: UnsafeRawBufferPointer, _ height: UInt64, _ index: Int) throws(ChainFault) -> ScannedEntry
  {
    guard let entry = try? ScannedEntry(bytes) else {
      throw ChainFault(.entry, at: height, "entry \(index) cannot be read")
    }
    if case .genesis = entry, height > 0 { throw ChainFault(.entry, at: height, "a genesis entry above block 0") }
    return entry
  }

  static func scan(_ bytes: UnsafeRawBufferPointer, _ height: UInt64) throws(ChainFault) -> ScannedBlock {
    guard bytes.count <= 2 << 20 else { throw ChainFault(.tooLarge, at: height, "\(bytes.count) bytes") }
    guard let block = try? ScannedBlock(bytes) else {
      throw ChainFault(.malformed, at: height, "not an encoded block")
    }
    guard block.entries.count <= 16_384, block.entries.allSatisfy({ $0.count <= 1 << 20 }) else {
      throw ChainFault(.tooLarge, at: height, "too many entries, or an entry that is too large")
    }
    return block
  }

  static func key(_ height: UInt64) -> [UInt8] { withUnsafeBytes(of: height.bigEndian) { Array($0) } }
}
