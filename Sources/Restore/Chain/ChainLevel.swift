import Backup
import Chain
import GoudCore

/// Brings proven ledgers of one chain to one head.
///
/// A backup's snapshots are moments apart, so a later one may hold acknowledged blocks that an earlier one lacks. Nodes that
/// begin anew as they were stored could form a majority without those blocks and put others in their place. So all take
/// over the chain that the network itself would adopt if every node was there: the greatest head by (epoch, height).
struct ChainLevel {
  private let ledgers: [LedgerProof]
  private let cancellation: Cancellation
  private let progress: any ProgressSink

  init(_ ledgers: [LedgerProof], _ cancellation: Cancellation, _ progress: any ProgressSink) {
    self.ledgers = ledgers
    self.cancellation = cancellation
    self.progress = progress
  }

  /// - Parameters:
  ///   - heads: of the ledgers, in their order.
  ///   - height: cut all of them here; nil: nowhere. At most the greatest head's.
  /// - Returns: which ledgers were changed; they are on the device.
  /// - Throws: `chain.acknowledged` when a ledger calls a block acknowledged that the greatest head does not have;
  ///   `database.corrupt`, `run.interrupted`, `run.terminated`.
  func run(heads: [BlockReference], height: UInt64?) throws -> Set<Int> {
    let order = { (a: Int, b: Int) in (heads[a].epoch, heads[a].height) < (heads[b].epoch, heads[b].height) }
    guard let greatest = heads.indices.max(by: order) else { return [] }
    let top = min(height ?? heads[greatest].height, heads[greatest].height)
    let others = heads.indices.filter {
      $0 != greatest && (heads[$0].hash != heads[greatest].hash || heads[$0].height > top)
    }
    guard !others.isEmpty || heads[greatest].height > top else { return [] }
    progress.begin("bring the volumes to block \(top)", total: .zero)
    defer { progress.end() }
    try settle(others, by: greatest, top: top)
    // Opening a ledger already writes, so the greatest has changed too.
    for index in others + [greatest] {
      try Ownership.adopt(allIn: ledgers[index].directory)
      try FileSystem.synchronize(directory: ledgers[index].directory)
    }
    return Set(others + [greatest])
  }

  private func settle(_ others: [Int], by greatest: Int, top: UInt64) throws {
    let source = try Ledger(directory: ledgers[greatest].directory)
    for index in others {
      do {
        try raise(try Ledger(directory: ledgers[index].directory), to: source, top: top)
      } catch let error as GoudError {
        throw error.within(ledgers[index].name)
      }
    }
    try source.truncate(above: top, force: true)
  }

  private func raise(_ ledger: Ledger, to source: Ledger, top: UInt64) throws {
    var common = min(ledger.head.height, source.head.height)
    while try ledger.reference(at: common)?.hash != source.reference(at: common)?.hash, common > 0 { common -= 1 }
    try ledger.truncate(above: common)
    if common > top { return try ledger.truncate(above: top, force: true) }
    while ledger.head.height < top {
      try cancellation.check()
      let wanted = min(1024, top - ledger.head.height)
      let encoded = try source.blocks(from: ledger.head.height + 1, limit: Int(wanted), maxBytes: 8 << 20)
      try ledger.append(try encoded.map { try Block(decoding: $0, chain: source.chain) }, sync: false)
      progress.advance(encoded.reduce(0) { $0 + $1.count })
    }
    try ledger.synchronize()
  }
}
