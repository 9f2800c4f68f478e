import Chain
import Foundation
import GoudCore
import TestSupport

/// A chain for a test: its keys, its genesis block, and blocks made on demand.
struct SampleChain {
  let key = ValidatorKey.generate()
  let genesis: Block
  let rules: BlockRules
  let account = Account(id: .random(16), keyHash: .random(32), created: 1)!

  init(network: String = "test", followers: Int = 2) throws {
    let others = (0..<followers).map {
      Genesis.Validator(name: "node\($0 + 2)", publicKey: ValidatorKey.generate().publicKey)
    }
    let founding = try Genesis(
      network: network, validators: [Genesis.Validator(name: "node1", publicKey: key.publicKey)] + others)
    genesis = try founding.block(key: key, time: 1_700_000_000_000)
    rules = try BlockRules(genesis: genesis)
  }

  func block(
    after previous: BlockReference, epoch: UInt64 = 1, time: UInt64? = nil, entries: [Entry] = []
  ) throws -> Block {
    try Block(
      after: previous, chain: rules.chain, epoch: epoch, time: time ?? previous.time + 1,
      entries: entries.map(\.encoded), key: key)
  }

  /// `count` blocks: the first holds the account, each other one entry of it.
  func blocks(_ count: Int, after previous: BlockReference? = nil, bytes: Int = 16) throws -> [Block] {
    var head = previous ?? genesis.reference
    return try (0..<count).map { _ in
      let entry = head.height == 0 ? Entry.account(account) : .data(data(bytes: bytes))
      let block = try block(after: head, entries: [entry])
      head = block.reference
      return block
    }
  }

  func data(bytes: Int = 16, id: [UInt8] = .random(16)) -> SealedData {
    SealedData(id: id, account: account.id, label: .random(4), payload: .random(bytes), created: 2)!
  }
}

extension [UInt8] {
  static func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: .min ... .max) } }
}
