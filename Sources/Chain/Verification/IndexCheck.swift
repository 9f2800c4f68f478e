import GoudCore
import RocksDB

/// Holds the indexes against the blocks.
struct IndexCheck: Sendable {
  let database: Database
  let secret: IndexSum.Secret
  /// Rows of entries above this height are passed over; nil: there are none.
  let limit: UInt64?
  let top: UInt64
  let cancellation: Cancellation

  /// What a family holds.
  struct Found: Sendable {
    var sum = IndexSum()
    /// The lowest data entry whose account does not come before it.
    var orphan: UInt64?
  }

  /// One sequential pass over a family.
  func scan(_ family: IndexFamily) throws -> Found {
    var found = Found()
    var account: [UInt8] = []
    var founded: [UInt8]?
    var rows = 0
    try database.scan(family: family.name, fillCache: false) { key, value in
      rows += 1
      if rows & 4095 == 0 { try cancellation.check() }
      guard try counts(family, key, value) else { return true }
      found.sum.add(key, value, secret)
      guard family == .entries, key.count == 28 else { return true }
      if !key.prefix(16).elementsEqual(account) {
        account = Array(key.prefix(16))
        founded = try database.value(for: account, family: IndexFamily.accounts.name)
      }
      let place = key.dropFirst(16)
      if founded.map({ $0.lexicographicallyPrecedes(place) }) != true {
        found.orphan = min(found.orphan ?? .max, IndexFamily.height(place))
      }
      return true
    }
    return found
  }

  private func counts(
    _ family: IndexFamily, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) throws -> Bool {
    guard let limit else { return true }
    switch family {
    case .accounts: return IndexFamily.height(value) <= limit
    case .entries: return IndexFamily.height(key.dropFirst(16)) <= limit
    case .entryIDs: return IndexFamily.height(value.dropFirst(16)) <= limit
    case .accountKeys:
      guard let place = try database.value(for: Array(value), family: IndexFamily.accounts.name) else { return true }
      return IndexFamily.height(place) <= limit
    }
  }

  /// Finds the row that makes the sums differ, with a look-up for each. Slow, and only needed when something is wrong.
  func locate(_ family: IndexFamily) throws -> ChainFault {
    try lacking(family) ?? superfluous(family)
      ?? ChainFault(.index, at: nil, "the index \(family.name) does not fit the blocks")
  }

  private func lacking(_ family: IndexFamily) throws -> ChainFault? {
    for height in 0...top {
      if height & 255 == 0 { try cancellation.check() }
      for row in try rows(at: height) where row.family == family {
        let value = try database.value(for: row.key, family: family.name)
        if value != row.value {
          let what = value == nil ? "lacks" : "has another value for"
          return ChainFault(.index, at: height, "the index \(family.name) \(what) one of its entries")
        }
      }
    }
    return nil
  }

  private func superfluous(_ family: IndexFamily) throws -> ChainFault? {
    var fault: ChainFault?
    var number = 0
    try database.scan(family: family.name, fillCache: false) { key, value in
      number += 1
      if number & 255 == 0 { try cancellation.check() }
      guard try counts(family, key, value) else { return true }
      let height = try height(family, key, value)
      let known = try height.map { try rows(at: $0) } ?? []
      if known.contains(where: { $0.family == family && key.elementsEqual($0.key) && value.elementsEqual($0.value) }) {
        return true
      }
      fault = ChainFault(.index, at: height, "the index \(family.name) holds a row that no entry calls for")
      return false
    }
    return fault
  }

  /// The block that a row belongs to; nil when there is none.
  private func height(
    _ family: IndexFamily, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) throws -> UInt64? {
    var place: [UInt8]?
    switch family {
    case .accounts: place = Array(value)
    case .accountKeys: place = try database.value(for: Array(value), family: IndexFamily.accounts.name)
    case .entries: place = Array(key.dropFirst(16))
    case .entryIDs: place = Array(value.dropFirst(16))
    }
    return place.flatMap { $0.count == 12 ? IndexFamily.height($0) : nil }
  }

  /// Empty when there is no such block.
  private func rows(at height: UInt64) throws -> [IndexFamily.Row] {
    guard height <= top, let bytes = try database.value(for: ChainWalk.key(height), family: "blocks") else { return [] }
    return try bytes.withUnsafeBytes { bytes in
      try ChainWalk.scan(bytes, height).entries.enumerated().flatMap { index, entry in
        IndexFamily.rows(
          of: try ChainWalk.entry(entry, height, index), at: IndexFamily.place(height, index))
      }
    }
  }
}
