import CRocksDB
import Foundation

/// A database with any of RocksDB's options, straight through its C API: for states that `Database` never makes.
///
/// Column families `default` and `other`. Nothing is flushed when it is closed.
public final class RawDatabase {
  private let handle: OpaquePointer
  private let options: OpaquePointer
  private let families: [OpaquePointer]

  /// - Parameter text: options in RocksDB's own spelling: `manual_wal_flush=true;…`.
  public init(_ directory: String, _ text: String = "") throws {
    let base = rocksdb_options_create()!
    defer { rocksdb_options_destroy(base) }
    rocksdb_options_set_create_if_missing(base, 1)
    rocksdb_options_set_create_missing_column_families(base, 1)
    let chosen = rocksdb_options_create()!
    options = chosen
    var error: UnsafeMutablePointer<CChar>?
    rocksdb_get_options_from_string(base, "avoid_flush_during_shutdown=true;\(text)", chosen, &error)
    try Self.check(error)
    let copies: [UnsafeMutablePointer<CChar>] = ["default", "other"].map { (name: String) in strdup(name) }
    var names = copies.map { Optional(UnsafePointer($0)) }
    defer { for copy in copies { free(copy) } }
    var each = [Optional(chosen), Optional(chosen)]
    var handles = [OpaquePointer?](repeating: nil, count: 2)
    let opened = rocksdb_open_column_families(chosen, directory, 2, &names, &each, &handles, &error)
    try Self.check(error)
    handle = opened!
    families = handles.map { $0! }
  }

  deinit {
    for family in families { rocksdb_column_family_handle_destroy(family) }
    rocksdb_close(handle)
    rocksdb_options_destroy(options)
  }

  /// Writes `key` to one family (0: `default`, 1: `other`).
  public func put(_ key: String, family: Int = 0, bytes: Int = 5, logged: Bool = true) throws {
    let how = rocksdb_writeoptions_create()
    defer { rocksdb_writeoptions_destroy(how) }
    rocksdb_writeoptions_disable_WAL(how, logged ? 0 : 1)
    var error: UnsafeMutablePointer<CChar>?
    let value = [CChar](repeating: 118, count: bytes)
    rocksdb_put_cf(handle, how, families[family], key, key.utf8.count, value, bytes, &error)
    try Self.check(error)
  }

  /// Into tables; RocksDB begins a new log.
  public func flush(family: Int = 0) throws {
    let how = rocksdb_flushoptions_create()
    defer { rocksdb_flushoptions_destroy(how) }
    var error: UnsafeMutablePointer<CChar>?
    rocksdb_flush_cf(handle, how, families[family], &error)
    try Self.check(error)
  }

  /// Into as few tables as it can; those before are deleted.
  public func compact(family: Int = 0) { rocksdb_compact_range_cf(handle, families[family], nil, 0, nil, 0) }

  /// Hands to the system what the log keeps in memory (`manual_wal_flush`); with `sync`, to the device.
  public func flushLog(sync: Bool = false) throws {
    var error: UnsafeMutablePointer<CChar>?
    rocksdb_flush_wal(handle, sync ? 1 : 0, &error)
    try Self.check(error)
  }

  /// Adds a key by way of a table that was made elsewhere.
  public func ingest(_ key: String, by table: String) throws {
    let environment = rocksdb_envoptions_create()
    defer { rocksdb_envoptions_destroy(environment) }
    let writer = rocksdb_sstfilewriter_create(environment, options)
    defer { rocksdb_sstfilewriter_destroy(writer) }
    let how = rocksdb_ingestexternalfileoptions_create()
    defer { rocksdb_ingestexternalfileoptions_destroy(how) }
    var error: UnsafeMutablePointer<CChar>?
    rocksdb_sstfilewriter_open(writer, table, &error)
    try Self.check(error)
    rocksdb_sstfilewriter_put(writer, key, key.utf8.count, "v", 1, &error)
    try Self.check(error)
    rocksdb_sstfilewriter_finish(writer, &error)
    try Self.check(error)
    let path: UnsafeMutablePointer<CChar> = strdup(table)
    defer { free(path) }
    rocksdb_ingest_external_file_cf(handle, families[0], [UnsafePointer(path)], 1, how, &error)
    try Self.check(error)
  }

  /// Drops the tables that hold nothing but keys in a range (`DeleteFilesInRange`).
  public func dropTables(from first: String, to last: String) throws {
    var error: UnsafeMutablePointer<CChar>?
    rocksdb_delete_file_in_range_cf(
      handle, families[0], first, first.utf8.count, last, last.utf8.count, &error)
    try Self.check(error)
  }

  /// Adds a column family, which stays as long as the database.
  public func addFamily(_ name: String) throws {
    var error: UnsafeMutablePointer<CChar>?
    let family = rocksdb_create_column_family(handle, options, name, &error)
    try Self.check(error)
    rocksdb_column_family_handle_destroy(family)
  }

  /// The keys of one family.
  public func keys(family: Int = 0) throws -> [String] {
    let how = rocksdb_readoptions_create()
    defer { rocksdb_readoptions_destroy(how) }
    let iterator = rocksdb_create_iterator_cf(handle, how, families[family])
    defer { rocksdb_iter_destroy(iterator) }
    var keys: [String] = []
    rocksdb_iter_seek_to_first(iterator)
    while rocksdb_iter_valid(iterator) != 0 {
      var count = 0
      let key = rocksdb_iter_key(iterator, &count)
      keys.append(String(decoding: UnsafeRawBufferPointer(start: key, count: count), as: UTF8.self))
      rocksdb_iter_next(iterator)
    }
    return keys
  }

  private static func check(_ error: UnsafeMutablePointer<CChar>?) throws {
    guard let error else { return }
    defer { rocksdb_free(error) }
    throw TestFailure(String(cString: error))
  }
}
