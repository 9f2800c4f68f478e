import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

/// Random operations on a ledger and on a few arrays: whatever is asked, both answer the same.
@Suite struct LedgerModelTests {
  /// What a ledger should answer.
  struct Model {
    var blocks: [Block]
    var contents: [[Entry]]
    var acknowledged = 0
    var promise: EpochPromise?

    var accounts: [Account] { visible.compactMap { if case .account(let account) = $0.0 { account } else { nil } } }

    /// Entries of acknowledged blocks, with their places.
    var visible: [(Entry, EntryPosition)] { entries(upTo: acknowledged) }

    func entries(upTo height: Int) -> [(Entry, EntryPosition)] {
      (0...height).flatMap { height in
        contents[height].enumerated().map { ($1, EntryPosition(height: UInt64(height), index: UInt32($0))) }
      }
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func aLedgerDoesAsItsModel(seed: UInt64) throws {
    try inTemporaryDirectory { scratch in
      let directory = "\(scratch)/rocksdb"
      let sample = try SampleChain()
      var random = SeededRandom(seed: seed)
      var model = Model(blocks: [sample.genesis], contents: [[]])
      var ledger = try Ledger(directory: directory, genesis: sample.genesis)
      for step in 0..<120 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...4: try append(to: ledger, &model, sample, &random)
        case 5: try acknowledge(ledger, &model, &random)
        case 6...7: try truncate(ledger, &model, &random)
        case 8:
          model.promise = EpochPromise(epoch: UInt64(step), nonce: .random(16))
          try ledger.setPromise(model.promise!)
        default:
          // The old one closes before the new one opens.
          ledger = try SampleChain.placeholder(scratch)
          ledger = try Ledger(directory: directory)
        }
        try compare(ledger, model, &random)
      }
      ledger = try SampleChain.placeholder(scratch)
      let verified = try LedgerVerifier(directory: directory).verify()
      #expect(verified.head == model.blocks.last!.reference)
      #expect(verified.blocks == UInt64(model.blocks.count))
      #expect(verified.entries == UInt64(model.contents.map(\.count).reduce(1, +)))
    }
  }

  private func append(
    to ledger: Ledger, _ model: inout Model, _ sample: SampleChain, _ random: inout SeededRandom
  ) throws {
    var known = model.entries(upTo: model.blocks.count - 1).compactMap {
      if case .account(let account) = $0.0 { account } else { nil }
    }
    var fresh: [Block] = []
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let entries: [Entry] = (0..<Int.random(in: 0...4, using: &random)).map { _ in
        if known.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
          known.append(Account(id: .random(16), keyHash: .random(32), created: 1)!)
          return .account(known.last!)
        }
        let account = known.randomElement(using: &random)!
        return .data(SealedData(id: .random(16), account: account.id, label: [1], payload: .random(9), created: 2)!)
      }
      let previous = (fresh.last ?? model.blocks.last!).reference
      let epoch = previous.epoch + (Int.random(in: 0..<8, using: &random) == 0 ? 1 : 0)
      fresh.append(try sample.block(after: previous, epoch: epoch, entries: entries))
      model.contents.append(entries)
    }
    try sample.rules.check(fresh, after: ledger.head)
    model.blocks += fresh
    let reached = Bool.random(using: &random) ? Int.random(in: 0..<model.blocks.count + 3, using: &random) : nil
    try ledger.append(fresh, acknowledged: reached.map { UInt64($0) }, sync: Bool.random(using: &random))
    model.acknowledged = max(model.acknowledged, min(reached ?? 0, model.blocks.count - 1))
  }

  private func acknowledge(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededRandom) throws {
    let height = Int.random(in: 0..<model.blocks.count + 2, using: &random)
    try ledger.setAcknowledged(UInt64(height))
    model.acknowledged = max(model.acknowledged, min(height, model.blocks.count - 1))
  }

  private func truncate(_ ledger: Ledger, _ model: inout Model, _ random: inout SeededRandom) throws {
    let height = Int.random(in: 0...model.blocks.count, using: &random)
    let force = Bool.random(using: &random)
    let refused = refusal { try ledger.truncate(above: UInt64(height), force: force) }
    if height < model.acknowledged && !force {
      #expect(refused?.code == .chainAcknowledged)
    } else {
      #expect(refused == nil)
      model.blocks = Array(model.blocks.prefix(height + 1))
      model.contents = Array(model.contents.prefix(height + 1))
      model.acknowledged = min(model.acknowledged, height)
    }
  }

  private func compare(_ ledger: Ledger, _ model: Model, _ random: inout SeededRandom) throws {
    #expect(ledger.head == model.blocks.last!.reference)
    #expect(ledger.acknowledged == UInt64(model.acknowledged))
    #expect(ledger.promise == model.promise)
    let height = Int.random(in: 0..<model.blocks.count + 1, using: &random)
    #expect(try ledger.block(at: UInt64(height)) == (height < model.blocks.count ? model.blocks[height] : nil))
    let some = try ledger.blocks(from: UInt64(height), limit: 4, maxBytes: 1 << 20)
    #expect(some == model.blocks.dropFirst(height).prefix(4).map(\.encoded))
    let shown = Set(model.accounts)
    for case (.account(let account), _) in model.entries(upTo: model.blocks.count - 1) {
      #expect(try ledger.account(account.id)?.content == (shown.contains(account) ? account : nil))
      #expect(try ledger.account(keyHash: account.keyHash)?.content == (shown.contains(account) ? account : nil))
    }
    var stored: [[UInt8]: UInt64] = [:]
    for (block, entries) in zip(model.blocks, model.contents) {
      for (encoded, entry) in zip(block.entries, entries) {
        if case .data(let data) = entry { stored[data.account, default: 0] += UInt64(encoded.count) }
      }
    }
    for case (.account(let account), _) in model.entries(upTo: model.blocks.count - 1) {
      #expect(try ledger.stored(by: account.id) == stored[account.id] ?? 0)
    }
    guard let account = model.accounts.randomElement(using: &random) else { return }
    let own: [(SealedData, EntryPosition)] = model.visible.compactMap {
      if case .data(let data) = $0.0, data.account == account.id { (data, $0.1) } else { nil }
    }
    #expect(try ledger.entries(of: account.id, limit: 99).map(\.content) == own.prefix(99).map(\.0))
    #expect(try ledger.newestEntries(of: account.id, limit: 99).map(\.content) == own.suffix(99).reversed().map(\.0))
    guard let (data, middle) = own.randomElement(using: &random) else { return }
    #expect(try ledger.entry(data.id)?.content == data)
    let head = try #require(try ledger.head(of: data.id))
    #expect(head.id == data.id && head.account == data.account && head.label == data.label)
    #expect(head.payloadBytes == data.payload.count && head.created == data.created)
    var bytes = 0
    #expect(try ledger.heads(in: middle.height, at: [middle.index], blockBytes: &bytes) == [head])
    // However many of a block's are wanted, it is looked at once.
    let together = own.filter { $0.1.height == middle.height }.shuffled(using: &random)
    let before = bytes
    #expect(
      try ledger.heads(in: middle.height, at: together.map(\.1.index), blockBytes: &bytes)?.map(\.id)
        == together.map(\.0.id))
    #expect(before > data.payload.count && bytes == 2 * before)
    #expect(try ledger.newestPositions(of: account.id, limit: 99) == own.suffix(99).map(\.1).reversed())
    let after = try ledger.entries(of: account.id, after: middle, limit: 2)
    #expect(after.map(\.position) == Array(own.map(\.1).filter { $0 > middle }.prefix(2)))
    let earlier = try ledger.newestEntries(of: account.id, before: middle, limit: 2)
    #expect(earlier.map(\.position) == own.map(\.1).filter { $0 < middle }.suffix(2).reversed() as [EntryPosition])
  }
}

extension SampleChain {
  /// Any ledger, to put in the place of one that is to be closed.
  fileprivate static func placeholder(_ scratch: String) throws -> Ledger {
    try Ledger(
      directory: "\(scratch)/placeholder-\(UInt64.random(in: .min ... .max))", genesis: try SampleChain().genesis)
  }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
