import ArgumentParser
import Chain
import Foundation

/// Founds a ledger and appends blocks to it, with the ledger's own code, as fast as one core signs them.
struct Make: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Make a ledger in a directory that does not exist yet.")

  @Argument(help: "Where; its parent must exist.") var directory: String
  @Option(help: "Blocks besides genesis.") var blocks = 200_000
  @Option(help: "Entries of each block.") var entries = 1
  @Option(help: "Bytes of each entry's payload.") var bytes = 1024
  @Option(help: "Accounts that take turns; block 1 holds them.") var accounts = 100

  @Option(help: "The encoded genesis block of a network, to go on from; needs --key.") var genesis: String?
  @Option(help: "The authority's validator_key.") var key: String?

  @Option(help: "Blocks of one write.") var batch = 1000
  @Flag(help: "Wait for the device after every write, as a node does.") var sync = false

  func validate() throws {
    guard blocks > 0, batch > 0, (0...1000).contains(entries), (0...1 << 20).contains(bytes),
      (1...1000).contains(accounts)
    else {
      throw ValidationError("blocks and batch from 1, entries to 1000, bytes to 1 MiB, accounts from 1 to 1000")
    }
  }

  func run() throws {
    let key = try self.key.map { try ValidatorKey(path: $0) } ?? .generate()
    let ledger = try Ledger(directory: directory, genesis: try origin(key))
    // A later start of the authority opens an epoch above this one.
    try ledger.setPromise(EpochPromise(epoch: 1000, nonce: .random(16)))
    let owners = (0..<accounts).map { _ in Account(id: .random(16), keyHash: .random(32), created: 1)! }
    var head = ledger.head
    var made = 0
    var pending: [Block] = []
    var waiting = 0
    while made < blocks {
      let content = made == 0 ? owners.map { Entry.account($0) } : data(of: owners, turn: made)
      let block = try Block(
        after: head, chain: ledger.chain, epoch: 1, time: head.time + 1, entries: content.map(\.encoded), key: key)
      head = block.reference
      pending.append(block)
      made += 1
      waiting += block.encoded.count
      if pending.count == batch || waiting > 4 << 20 || made == blocks {
        try ledger.append(pending, acknowledged: head.height, sync: sync || made == blocks)
        pending.removeAll(keepingCapacity: true)
        waiting = 0
      }
    }
  }

  private func origin(_ key: ValidatorKey) throws -> Block {
    if let genesis {
      return try Block(decoding: [UInt8](try Data(contentsOf: URL(filePath: genesis))), chain: nil)
    }
    return try Genesis(network: "bench", validators: [.init(name: "node1", publicKey: key.publicKey)])
      .block(key: key, time: 1_700_000_000_000)
  }

  private func data(of owners: [Account], turn: Int) -> [Entry] {
    (0..<entries).map { index in
      .data(
        SealedData(
          id: .random(16), account: owners[(turn * entries + index) % owners.count].id, label: .random(40),
          payload: .random(bytes), created: 2)!)
    }
  }
}

extension [UInt8] {
  /// Fast rather than secret.
  fileprivate static func random(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      var offset = 0
      while offset < count {
        Swift.withUnsafeBytes(of: UInt64.random(in: .min ... .max)) { word in
          for byte in word.prefix(count - offset) {
            buffer[offset] = byte
            offset += 1
          }
        }
      }
      filled = count
    }
  }
}
