import CRocksDB

/// A database of two-phase transactions, straight through RocksDB's C API.
public final class RawTransactions {
  private let handle: OpaquePointer
  private let how = rocksdb_writeoptions_create()
  private let kind = rocksdb_transaction_options_create()

  public init(_ directory: String) throws {
    let options = rocksdb_options_create()
    defer { rocksdb_options_destroy(options) }
    rocksdb_options_set_create_if_missing(options, 1)
    let further = rocksdb_transactiondb_options_create()
    defer { rocksdb_transactiondb_options_destroy(further) }
    var error: UnsafeMutablePointer<CChar>?
    let opened = rocksdb_transactiondb_open(options, further, directory, &error)
    try Self.check(error)
    handle = opened!
  }

  deinit {
    rocksdb_transaction_options_destroy(kind)
    rocksdb_writeoptions_destroy(how)
    rocksdb_transactiondb_close(handle)
  }

  /// Commits one key, in two phases or in one.
  /// - Parameter between: called between the two.
  public func put(_ key: String, prepared: Bool, between: () throws -> Void = {}) throws {
    let transaction = rocksdb_transaction_begin(handle, how, kind, nil)
    defer { rocksdb_transaction_destroy(transaction) }
    var error: UnsafeMutablePointer<CChar>?
    rocksdb_transaction_put(transaction, key, key.utf8.count, "v", 1, &error)
    try Self.check(error)
    if prepared {
      rocksdb_transaction_set_name(transaction, key, key.utf8.count, &error)
      try Self.check(error)
      rocksdb_transaction_prepare(transaction, &error)
      try Self.check(error)
      try between()
    }
    rocksdb_transaction_commit(transaction, &error)
    try Self.check(error)
  }

  private static func check(_ error: UnsafeMutablePointer<CChar>?) throws {
    guard let error else { return }
    defer { rocksdb_free(error) }
    throw TestFailure(String(cString: error))
  }
}
