import Archive
import Chain
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

/// The volumes of a network, each with a ledger, and blocks to put in them.
struct ChainFixture {
  let root: String
  let keys: [ValidatorKey]
  let genesis: Block
  let account = Account(id: .random(16), keyHash: .random(32), created: 1)!
  var volumes: String { "\(root)/volumes" }
  var backups: String { "\(root)/backups" }
  var chain: BlockHash { genesis.hash }
  var names: [String] { keys.indices.map { "node\($0 + 1)_data" } }

  init(_ root: String, nodes: Int = 3) throws {
    self.root = root
    keys = (0..<nodes).map { _ in ValidatorKey.generate() }
    let founding = try Genesis(
      network: "test",
      validators: keys.enumerated().map { Genesis.Validator(name: "node\($0 + 1)", publicKey: $1.publicKey) })
    genesis = try founding.block(key: keys[0], time: 1_700_000_000_000)
    for path in [volumes, backups] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
  }

  func path(_ name: String) -> String { "\(volumes)/\(name)" }
  func volume(_ name: String) -> Volume { Volume(name: name, path: path(name)) }

  /// `count` blocks of one entry each, the account first.
  func blocks(_ count: Int, after previous: BlockReference? = nil, epoch: UInt64 = 1) throws -> [Block] {
    var head = previous ?? genesis.reference
    return try (0..<count).map { _ in
      let data = SealedData(id: .random(16), account: account.id, label: [1], payload: .random(16), created: 2)!
      let entry = head.height == 0 ? Entry.account(account) : .data(data)
      let block = try Block(
        after: head, chain: chain, epoch: epoch, time: head.time + 1, entries: [entry.encoded], key: keys[0])
      head = block.reference
      return block
    }
  }

  /// A node's volume with these blocks, a member unless told otherwise.
  @discardableResult
  func make(
    _ name: String, _ blocks: [Block], acknowledged: UInt64? = nil, standing: VolumeStanding? = nil
  ) throws -> String {
    let path = path(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let ledger = try Ledger(directory: "\(path)/rocksdb", genesis: genesis)
    try ledger.append(blocks, acknowledged: acknowledged ?? blocks.last?.height ?? 0)
    for secret in ["jwt_secret", "session_secret"] {
      try AtomicFile.write(Self.secret(secret, of: name), to: "\(path)/\(secret)")
    }
    if let index = names.firstIndex(of: name) { try keys[index].write(to: "\(path)/validator_key", replacing: true) }
    try (standing ?? Self.founded).write(in: path)
    return path
  }

  static func secret(_ secret: String, of name: String) -> [UInt8] {
    Array("\(secret) of \(name), as long as a secret must be".utf8)
  }

  static let founded = VolumeStanding(.member, beginning: [UInt8](repeating: 7, count: 16), reason: "founded")

  /// Opens a volume's ledger for as long as `body` takes.
  func ledger<Result>(_ name: String, _ body: (Ledger) throws -> Result) throws -> Result {
    try body(try Ledger(directory: "\(path(name))/rocksdb"))
  }

  func head(_ name: String) throws -> BlockReference { try ledger(name) { $0.head } }

  func standing(_ name: String) throws -> VolumeStanding { try VolumeStanding.read(in: path(name)) }

  func backUp(_ names: [String]? = nil, unproven: Bool = false) throws -> BackupResult {
    var request = BackupRequest(
      environment: "local", volumes: (names ?? self.names).map(volume), directory: backups, compression: .none,
      toolVersion: "test")
    request.allowUnproven = unproven
    return try BackupWorkflow(request).run()
  }
}

extension [UInt8] {
  static func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: .min ... .max) } }
}
