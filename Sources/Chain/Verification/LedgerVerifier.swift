import Crypto
import Foundation
public import GoudCore
import RocksDB
import Synchronization

/// Proves a ledger: every block, every index row, head and count.
///
/// Shares no code with what writes a ledger, but for RocksDB and SHA-256: it decodes, hashes
/// and walks by itself, from docs/chain.md. Ranges of heights are checked in parallel; memory is bounded whatever the
/// number of blocks. Nothing is written.
public struct LedgerVerifier: Sendable {
  /// A database that no process has open, or a snapshot's view of one.
  public let directory: String
  /// Check the chain up to here only, and pass over what lies above; nil: all of it. The chain must reach so far.
  public var height: UInt64?
  /// The chain it must be; nil takes any.
  public var chain: BlockHash?
  /// Threads.
  public var width = ProcessInfo.processInfo.activeProcessorCount
  public var progress: any ProgressSink = NoProgress()
  public var cancellation = Cancellation()

  public init(directory: String, height: UInt64? = nil, chain: BlockHash? = nil) {
    self.directory = directory
    self.height = height
    self.chain = chain
  }

  /// - Throws: `chain.invalid` for the lowest block with a fault, `context` naming `height` and `fault`;
  ///   `chain.not-a-ledger`, `chain.newer-schema`, `chain.foreign`; `database.corrupt` when RocksDB cannot read it.
  public func verify() throws -> VerifiedLedger {
    let began = ContinuousClock.now
    do {
      return try LedgerFault.translate(directory) {
        let ledger = try ScannedLedger(directory: directory, height: height, chain: chain)
        progress.begin("verify the chain", total: ByteCount(ledger.blockBytes))
        defer { progress.end() }
        let secret = IndexSum.Secret()
        let total = try walk(ledger, secret)
        try checkHead(ledger, total)
        try checkIndexes(ledger, total.sums, secret)
        try checkStored(ledger, total.stored, secret)
        return VerifiedLedger(ledger, total, duration: ContinuousClock.now - began)
      }
    } catch let fault as ChainFault {
      throw fault.error.within(directory)
    }
  }

  /// Heights of one piece of work.
  static let stride: UInt64 = 1024

  private func walk(_ ledger: ScannedLedger, _ secret: IndexSum.Secret) throws -> ChainWalk.Outcome {
    let walk = ChainWalk(
      database: ledger.database, chain: ledger.chain, authority: ledger.authority, signatures: ledger.signatures,
      secret: secret, counted: ledger.counted, progress: progress, cancellation: cancellation)
    let total = Mutex(ChainWalk.Outcome())
    let pipeline = OrderedPipeline<ClosedRange<UInt64>, ChainWalk.Outcome>(
      name: "verify", width: width, depth: 2 * width, transform: { walk.walk($0) },
      // In order of height, so that the fault that comes out is the lowest.
      consume: { outcome in
        if let fault = outcome.fault { throw fault }
        total.withLock { $0.add(outcome) }
      })
    do {
      var start: UInt64 = 0
      while start <= ledger.top {
        try pipeline.submit(start...min(start + Self.stride - 1, ledger.top))
        start += Self.stride
      }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    return total.withLock { $0 }
  }

  private func checkHead(_ ledger: ScannedLedger, _ total: ChainWalk.Outcome) throws {
    guard height == nil || ledger.top == ledger.head else { return }
    guard let last = total.last, last.hash == ledger.headHash, last.epoch == ledger.headEpoch else {
      throw ChainFault(.head, at: ledger.head, "is not the head that the ledger names")
    }
    try ledger.database.scan(family: "blocks", from: ChainWalk.key(ledger.head) + [0], readAhead: 0) { key, _ in
      throw ChainFault(.head, at: ledger.head, "key \(Hex.text(key.prefix(16))) lies above it, the head")
    }
  }

  /// What accounts store, as far as it was counted, is what their entries come to.
  private func checkStored(_ ledger: ScannedLedger, _ expected: StoredSum, _ secret: IndexSum.Secret) throws {
    // Sums of blocks that were not looked at prove nothing.
    guard let counted = ledger.counted, counted <= ledger.top else { return }
    let prefix = Array("stored:".utf8)
    var found = StoredSum()
    try ledger.database.scan(from: prefix, readAhead: 0) { key, value in
      guard key.starts(with: prefix) else { return false }
      guard key.count == prefix.count + 16, value.count == 8 else {
        throw ChainFault(.index, at: nil, "what an account stores cannot be read")
      }
      found.add(Array(key.dropFirst(prefix.count)), value.reduce(0) { $0 << 8 | UInt64($1) }, secret)
      return true
    }
    guard found == expected else {
      throw ChainFault(.index, at: counted, "what accounts store is not what their entries come to")
    }
  }

  private func checkIndexes(_ ledger: ScannedLedger, _ expected: IndexSums, _ secret: IndexSum.Secret) throws {
    let check = IndexCheck(
      database: ledger.database, secret: secret, limit: ledger.top < ledger.head ? ledger.top : nil, top: ledger.top,
      cancellation: cancellation)
    let found = Mutex<[(IndexFamily, IndexCheck.Found)]>([])
    let pipeline = OrderedPipeline<IndexFamily, (IndexFamily, IndexCheck.Found)>(
      name: "indexes", width: width, depth: IndexFamily.allCases.count, transform: { ($0, try check.scan($0)) },
      consume: { result in found.withLock { $0.append(result) } })
    do {
      for family in IndexFamily.allCases { try pipeline.submit(family) }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    let results = found.withLock { $0 }
    for (family, found) in results where found.sum != expected[family] { throw try check.locate(family) }
    if let orphan = results.compactMap(\.1.orphan).min() {
      throw ChainFault(.entry, at: orphan, "an entry's account does not come before it")
    }
  }
}

/// What a verified ledger holds.
public struct VerifiedLedger: Sendable {
  public let chain: BlockHash
  public let schemaVersion: UInt32
  public let network: String
  /// Names, the authority first.
  public let validators: [String]
  /// The highest block that was checked.
  public let head: BlockReference
  /// Genesis included.
  public let blocks: UInt64
  public let entries: UInt64
  /// Of the encoded blocks.
  public let bytes: ByteCount
  /// How many epochs have blocks, genesis included.
  public let epochs: UInt64
  public let acknowledged: UInt64
  public let duration: Duration

  init(_ ledger: ScannedLedger, _ total: ChainWalk.Outcome, duration: Duration) {
    chain = BlockHash(digest: ledger.chain)
    schemaVersion = ledger.schemaVersion
    network = ledger.genesis.network
    validators = ledger.genesis.validators.map(\.name)
    head = BlockReference(
      height: ledger.top, epoch: total.last?.epoch ?? 0, time: total.last?.time ?? 0,
      hash: BlockHash(digest: total.last?.hash ?? []))
    blocks = total.blocks
    entries = total.entries
    bytes = ByteCount(total.bytes)
    epochs = total.risings + 1
    acknowledged = ledger.acknowledged
    self.duration = duration
  }
}

extension ChainWalk.Outcome {
  /// Joins the range that follows.
  fileprivate mutating func add(_ next: ChainWalk.Outcome) {
    blocks += next.blocks
    entries += next.entries
    bytes += next.bytes
    sums.add(next.sums)
    stored.add(next.stored)
    risings += next.risings
    if let last, let first = next.first, first.epoch > last.epoch { risings += 1 }
    first = first ?? next.first
    last = next.last
  }
}
