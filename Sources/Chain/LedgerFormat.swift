import RocksDB

/// Column families, keys and values of a ledger, schema version 1 (docs/chain.md).
enum LedgerFormat {
  static let meta = "default"
  static let blocks = "blocks"
  static let accounts = "accounts"
  static let accountKeys = "account_keys"
  static let entries = "entries"
  static let entryIDs = "entry_ids"
  static let families = [meta, blocks, accounts, accountKeys, entries, entryIDs]

  /// Keys of the family `default`.
  enum Meta {
    static let schema = Array("schema".utf8)
    static let chain = Array("chain".utf8)
    static let head = Array("head".utf8)
    static let acknowledged = Array("acknowledged".utf8)
    static let promise = Array("promise".utf8)
    /// Up to which block `stored` was counted.
    static let counted = Array("counted".utf8)
    /// Begins the keys of what accounts store.
    static let stored = Array("stored:".utf8)

    static func stored(_ account: [UInt8]) -> [UInt8] { stored + account }
  }

  static func key(_ height: UInt64) -> [UInt8] {
    var key: [UInt8] = []
    key.append(bigEndian: height)
    return key
  }

  /// Height, epoch, hash: 48 bytes.
  static func head(_ reference: BlockReference) -> [UInt8] {
    var value: [UInt8] = []
    value.append(bigEndian: reference.height)
    value.append(bigEndian: reference.epoch)
    return value + reference.hash.bytes
  }
}

/// Where an entry stands: its block, and its place in it from 0. Sorts as the chain does.
public struct EntryPosition: Hashable, Sendable, Comparable {
  public let height: UInt64
  public let index: UInt32

  public init(height: UInt64, index: UInt32) {
    self.height = height
    self.index = index
  }

  public static func < (a: EntryPosition, b: EntryPosition) -> Bool { (a.height, a.index) < (b.height, b.index) }

  static let count = 12

  /// 12 bytes that sort as the position does.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.count)
    bytes.append(bigEndian: height)
    bytes.append(bigEndian: index)
    return bytes
  }

  init?(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    guard bytes.count == Self.count, let height: UInt64 = bytes.bigEndian(), let index: UInt32 = bytes.bigEndian(at: 8)
    else { return nil }
    self.init(height: height, index: index)
  }
}

/// One row of an index.
struct IndexRow: Hashable {
  let family: String
  let key: [UInt8]
  let value: [UInt8]

  /// The rows that an entry has: those of a block are written and removed together with it.
  static func rows(of entry: Entry, at position: EntryPosition) -> [IndexRow] {
    switch entry {
    case .genesis: []
    case .account(let account):
      [
        IndexRow(family: LedgerFormat.accounts, key: account.id, value: position.bytes),
        IndexRow(family: LedgerFormat.accountKeys, key: account.keyHash, value: account.id),
      ]
    case .data(let data):
      [
        IndexRow(family: LedgerFormat.entries, key: data.account + position.bytes, value: data.id),
        IndexRow(family: LedgerFormat.entryIDs, key: data.id, value: data.account + position.bytes),
      ]
    }
  }
}
