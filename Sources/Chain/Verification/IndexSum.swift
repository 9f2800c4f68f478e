/// A sum over rows of an index that does not depend on their order: equal sums, equal rows.
///
/// Each row is hashed with a secret drawn anew for every run (SipHash, twice, 64 bits each) and the hashes are added.
/// Two different sets have the same sum with a chance of 2⁻¹²⁸ or so, whoever chose them. So the rows that the blocks
/// call for and those that are there are compared in two sequential passes and in no memory.
struct IndexSum: Equatable, Sendable {
  private(set) var count: UInt64 = 0
  private var low: UInt64 = 0
  private var high: UInt64 = 0

  struct Secret: Sendable {
    let low = UInt64.random(in: .min ... .max)
    let high = UInt64.random(in: .min ... .max)
  }

  mutating func add(_ key: some ContiguousRow, _ value: some ContiguousRow, _ secret: Secret) {
    count += 1
    low &+= Self.hash(key, value, secret.low)
    high &+= Self.hash(key, value, secret.high)
  }

  mutating func add(_ other: IndexSum) {
    count += other.count
    low &+= other.low
    high &+= other.high
  }

  static func hash(_ key: some ContiguousRow, _ value: some ContiguousRow, _ secret: UInt64) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(secret)
    key.withUnsafeBytes {
      hasher.combine($0.count)
      hasher.combine(bytes: $0)
    }
    value.withUnsafeBytes { hasher.combine(bytes: $0) }
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }
}

/// A sum over what accounts store, in which an account may come any number of times: equal sums, equal totals of each.
/// Every account has a secret factor (SipHash, twice), so that nothing can be moved from one to another.
struct StoredSum: Equatable, Sendable {
  private var low: UInt64 = 0
  private var high: UInt64 = 0

  mutating func add(_ account: some ContiguousRow, _ bytes: UInt64, _ secret: IndexSum.Secret) {
    low &+= IndexSum.hash(account, [], secret.low) &* bytes
    high &+= IndexSum.hash(account, [], secret.high) &* bytes
  }

  mutating func add(_ other: StoredSum) {
    low &+= other.low
    high &+= other.high
  }
}

/// Bytes in one piece: an array, or a part of RocksDB's memory.
protocol ContiguousRow {
  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

extension [UInt8]: ContiguousRow {}

extension UnsafeRawBufferPointer: ContiguousRow {
  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result { try body(self) }
}
