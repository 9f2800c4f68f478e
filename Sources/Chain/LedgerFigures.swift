import RocksDB

// What RocksDB says of itself, for metrics.
extension Ledger {
  /// The column families, `default` first.
  public static var families: [String] { LedgerFormat.families }

  /// A property by its full name (`rocksdb.num-files-at-level0`, …); nil for one that RocksDB does not know.
  public func property(_ name: String, family: String = "default") -> String? {
    database.property(name, family: family)
  }
}
