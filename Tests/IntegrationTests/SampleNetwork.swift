import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

/// Volumes of a network of three, with ledgers at rest.
struct SampleNetwork: Sendable {
  let volumes: String
  let keys = (0..<3).map { _ in ValidatorKey.generate() }
  let genesis: Block
  let account = Account(
    id: (0..<16).map { _ in .random(in: 0...255) }, keyHash: [UInt8](repeating: 1, count: 32), created: 1)!
  /// Four blocks, the same for every node that is given them.
  private(set) var chain: [Block] = []

  init(_ fixture: Fixture) throws {
    volumes = fixture.volumes
    let founding = try Genesis(
      network: "test",
      validators: keys.enumerated().map { .init(name: "node\($0 + 1)", publicKey: $1.publicKey) })
    genesis = try founding.block(key: keys[0], time: 1)
    chain = try blocks(4)
  }

  func blocks(_ count: Int) throws -> [Block] {
    var head = genesis.reference
    return try (0..<count).map { _ in
      let id = (0..<16).map { _ in UInt8.random(in: 0...255) }
      let data = SealedData(id: id, account: account.id, label: [1], payload: [2], created: 2)!
      let entry = head.height == 0 ? Entry.account(account) : .data(data)
      let block = try Block(
        after: head, chain: genesis.hash, epoch: 1, time: 2, entries: [entry.encoded], key: keys[0])
      head = block.reference
      return block
    }
  }

  func make(_ node: String, _ blocks: [Block]) throws {
    let path = "\(volumes)/\(node)_data"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let ledger = try Ledger(directory: "\(path)/rocksdb", genesis: genesis)
    try ledger.append(blocks, acknowledged: UInt64(blocks.count))
    let number = Int(node.dropFirst(4))!
    try keys[number - 1].write(to: "\(path)/validator_key", replacing: true)
    try VolumeStanding(.member, beginning: VolumeStanding.newBeginning(), reason: "founded").write(in: path)
  }

  func removeBlock(_ height: UInt64, of node: String) throws {
    let database = try Database(directory: "\(volumes)/\(node)_data/rocksdb", families: Ledger.families)
    let batch = WriteBatch()
    database.delete(withUnsafeBytes(of: height.bigEndian) { Array($0) }, family: "blocks", into: batch)
    try database.write(batch, sync: true)
  }

  /// The only archive there is.
  func archive(_ fixture: Fixture) throws -> String {
    let name = try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar.gz") }
    return "\(fixture.backups)/\(try #require(name))"
  }
}
