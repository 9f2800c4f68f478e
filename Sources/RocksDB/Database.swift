import CRocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// How a database is created or opened; a field left nil keeps RocksDB's default.
public struct DatabaseOptions: Sendable {
  public enum Compression: Int32, Sendable, CaseIterable {
    case none = 0
    case snappy = 1
    case zlib = 2
    case bzip2 = 3
    case lz4 = 4
    case lz4hc = 5
    case zstd = 7
  }

  public var createIfMissing = true
  public var writeBufferBytes: Int?
  public var targetFileBytes: UInt64?
  public var compression: Compression?
  public var recycledLogs: Int?
  public var logDirectory: String?
  /// Table directories with their target sizes in bytes.
  public var tableDirectories: [(path: String, target: UInt64)] = []
  public var blobFiles = false
  public var blobFileBytes: UInt64?
  public var level0CompactionTrigger: Int32?
  public var maxManifestBytes: Int?
  public var maxOpenFiles: Int32?
  /// One cache of table blocks, indexes and filters for all column families.
  public var blockCacheBytes: Int?
  /// Bits per key of a Bloom filter over whole keys, of each table. Filters and indexes come in pieces of 4 KiB, so that
  /// a small block cache holds those that are used: RocksDB keeps nothing larger than a 64th of it, and would read the
  /// whole filter of a large table for every key.
  public var filterBits: Double?
  /// The same for each memory table, as a share of its size.
  public var memoryFilterShare: Double?
  /// Memory tables of all column families together; the largest is flushed when they exceed it.
  public var allWriteBuffersBytes: Int?
  /// Logs kept before the column family that holds the oldest is flushed: bounds what opening has to replay.
  public var allLogsBytes: UInt64?
  public var recovery: LogRecovery?
  /// Notes the number and size of every closed log in the `MANIFEST` once it is on the device, and refuses to open when
  /// one is missing or shorter. Without it RocksDB goes on behind the gap without a word, whatever `recovery` says.
  /// Always on for reading only: RocksDB 7.8.3 aborts when it is off and the `MANIFEST` names a log.
  public var notesLogs = false
  /// RocksDB's own diary, the `LOG` files.
  public var diary = Diary.unbounded

  /// What opening does with a damaged log.
  public enum LogRecovery: Int32, Sendable {
    /// A last record cut short is dropped: it was never acknowledged. Any other damage is an error.
    case tolerateCutTail = 0
    case refuseAnyDamage = 1
    /// RocksDB's default: everything from the first damage on is dropped, without a word.
    case untilFirstDamage = 2
  }

  public enum Diary: Sendable {
    case unbounded
    /// Warnings and errors, two files of at most 1 MiB.
    case warnings
    /// Nothing is written: a directory opened for reading stays as it is.
    case none
  }

  public init() {}
}

/// A RocksDB opened for reading and writing, or for reading only. Closed when the last reference goes.
///
/// RocksDB is thread-safe, and so is this.
public final class Database: @unchecked Sendable {
  private let handle: OpaquePointer
  private let options: OpaquePointer
  private let families: [String: OpaquePointer]

  /// - Parameters:
  ///   - families: every column family of the database (`default` first); missing ones are created.
  public init(
    directory: String, families names: [String] = ["default"],
    options configuration: DatabaseOptions = DatabaseOptions(),
    readOnly: Bool = false
  ) throws {
    var configuration = configuration
    if readOnly { configuration.notesLogs = true }
    let chosen = configuration.make()
    options = chosen
    var keys = names.map { UnsafePointer(strdup($0)) }
    defer { for key in keys { free(UnsafeMutableRawPointer(mutating: key)) } }
    var familyOptions = names.map { _ in Optional(chosen) }
    var handles = [OpaquePointer?](repeating: nil, count: names.count)
    do {
      handle = try RocksDBError.check { error in
        readOnly
          ? rocksdb_open_for_read_only_column_families(
            chosen, directory, Int32(names.count), &keys, &familyOptions, &handles, 0, &error)
          : rocksdb_open_column_families(
            chosen, directory, Int32(names.count), &keys, &familyOptions, &handles, &error)
      }!
    } catch {
      rocksdb_options_destroy(chosen)
      throw error
    }
    families = Dictionary(uniqueKeysWithValues: zip(names, handles.map { $0! }))
  }

  deinit {
    for family in families.values { rocksdb_column_family_handle_destroy(family) }
    rocksdb_close(handle)
    rocksdb_options_destroy(options)
  }

  /// Writes all of a batch or nothing. With `sync`, it is on the device when this returns.
  public func write(_ batch: WriteBatch, sync: Bool = false) throws {
    let how = rocksdb_writeoptions_create()
    defer { rocksdb_writeoptions_destroy(how) }
    rocksdb_writeoptions_set_sync(how, sync ? 1 : 0)
    try RocksDBError.check { rocksdb_write(handle, how, batch.handle, &$0) }
  }

  /// Waits until every write that has returned is on the device. Others may write meanwhile.
  public func synchronize() throws {
    try RocksDBError.check { rocksdb_flush_wal(handle, 1, &$0) }
  }

  public func put(_ value: [UInt8], for key: [UInt8], family: String = "default", sync: Bool = false) throws {
    let batch = WriteBatch()
    put(value, for: key, family: family, into: batch)
    try write(batch, sync: sync)
  }

  public func put(_ value: [UInt8], for key: [UInt8], family: String = "default", into batch: WriteBatch) {
    key.withChars { key, keyCount in
      value.withChars { value, valueCount in
        rocksdb_writebatch_put_cf(batch.handle, families[family]!, key, keyCount, value, valueCount)
      }
    }
  }

  public func delete(_ key: [UInt8], family: String = "default", into batch: WriteBatch) {
    key.withChars { rocksdb_writebatch_delete_cf(batch.handle, families[family]!, $0, $1) }
  }

  public func value(for key: [UInt8], family: String = "default") throws -> [UInt8]? {
    let how = rocksdb_readoptions_create()
    defer { rocksdb_readoptions_destroy(how) }
    var count = 0
    let found = try RocksDBError.check { error in
      key.withChars { rocksdb_get_cf(handle, how, families[family]!, $0, $1, &count, &error) }
    }
    guard let found else { return nil }
    defer { rocksdb_free(found) }
    return [UInt8](UnsafeRawBufferPointer(start: found, count: count))
  }

  /// Calls `body` with the value where RocksDB has it: nothing is copied, and the bytes are gone when `body` returns.
  /// - Parameter fillCache: false: leave the block cache to others.
  /// - Returns: nil without a call when there is no value.
  public func withValue<Result>(
    for key: [UInt8], family: String = "default", fillCache: Bool = true,
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result? {
    let how = rocksdb_readoptions_create()
    defer { rocksdb_readoptions_destroy(how) }
    rocksdb_readoptions_set_fill_cache(how, fillCache ? 1 : 0)
    let found = try RocksDBError.check { error in
      key.withChars { rocksdb_get_pinned_cf(handle, how, families[family]!, $0, $1, &error) }
    }
    guard let found else { return nil }
    defer { rocksdb_pinnableslice_destroy(found) }
    var count = 0
    let start = rocksdb_pinnableslice_value(found, &count)
    return try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Calls `body` with every key and value in key order, until it returns false.
  /// - Parameters:
  ///   - start: the first key, which need not be there; going `backward`, the last one.
  ///   - readAhead: bytes read from the device at once; small for a scan that is expected to stop soon.
  ///   - fillCache: false: leave the block cache to others.
  public func scan(
    family: String = "default", from start: [UInt8] = [], backward: Bool = false, readAhead: Int = 1 << 20,
    fillCache: Bool = true, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    let how = rocksdb_readoptions_create()
    defer { rocksdb_readoptions_destroy(how) }
    rocksdb_readoptions_set_readahead_size(how, readAhead)
    rocksdb_readoptions_set_fill_cache(how, fillCache ? 1 : 0)
    let iterator = rocksdb_create_iterator_cf(handle, how, families[family]!)
    defer { rocksdb_iter_destroy(iterator) }
    start.withChars {
      backward ? rocksdb_iter_seek_for_prev(iterator, $0, $1) : rocksdb_iter_seek(iterator, $0, $1)
    }
    while rocksdb_iter_valid(iterator) != 0 {
      var keyCount = 0
      var valueCount = 0
      let key = rocksdb_iter_key(iterator, &keyCount)
      let value = rocksdb_iter_value(iterator, &valueCount)
      guard try body(.init(start: key, count: keyCount), .init(start: value, count: valueCount)) else { return }
      if backward { rocksdb_iter_prev(iterator) } else { rocksdb_iter_next(iterator) }
    }
    try RocksDBError.check { rocksdb_iter_get_error(iterator, &$0) }
  }

  /// What RocksDB says of itself (`rocksdb.num-files-at-level0`, …); nil for a name it does not know.
  public func property(_ name: String, family: String = "default") -> String? {
    guard let family = families[family], let text = rocksdb_property_value_cf(handle, family, name) else { return nil }
    defer { rocksdb_free(text) }
    return String(cString: text)
  }

  /// Writes the memory table of a column family into a table file, and waits for it.
  public func flush(family: String = "default") throws {
    let how = rocksdb_flushoptions_create()
    defer { rocksdb_flushoptions_destroy(how) }
    try RocksDBError.check { rocksdb_flush_cf(handle, how, families[family]!, &$0) }
  }

  /// Compacts a whole column family, and waits for it.
  public func compact(family: String = "default") {
    rocksdb_compact_range_cf(handle, families[family]!, nil, 0, nil, 0)
  }
}

/// Writes that happen together.
public final class WriteBatch {
  let handle = rocksdb_writebatch_create()!

  public init() {}

  deinit { rocksdb_writebatch_destroy(handle) }
}

extension DatabaseOptions {
  fileprivate func make() -> OpaquePointer {
    let options = rocksdb_options_create()!
    if notesLogs {
      // The C API has no setter for it, but reads it from text; the text is ours and cannot be malformed.
      var error: UnsafeMutablePointer<CChar>?
      rocksdb_get_options_from_string(options, "track_and_verify_wals_in_manifest=true", options, &error)
      precondition(error == nil, "RocksDB does not know track_and_verify_wals_in_manifest")
    }
    rocksdb_options_set_create_if_missing(options, createIfMissing ? 1 : 0)
    rocksdb_options_set_create_missing_column_families(options, createIfMissing ? 1 : 0)
    if let writeBufferBytes { rocksdb_options_set_write_buffer_size(options, writeBufferBytes) }
    if let targetFileBytes { rocksdb_options_set_target_file_size_base(options, targetFileBytes) }
    if let compression { rocksdb_options_set_compression(options, compression.rawValue) }
    if let recycledLogs { rocksdb_options_set_recycle_log_file_num(options, recycledLogs) }
    if let logDirectory { rocksdb_options_set_wal_dir(options, logDirectory) }
    if let level0CompactionTrigger {
      rocksdb_options_set_level0_file_num_compaction_trigger(options, level0CompactionTrigger)
    }
    if let maxManifestBytes { rocksdb_options_set_max_manifest_file_size(options, maxManifestBytes) }
    if let maxOpenFiles { rocksdb_options_set_max_open_files(options, maxOpenFiles) }
    if let allWriteBuffersBytes { rocksdb_options_set_db_write_buffer_size(options, allWriteBuffersBytes) }
    if let allLogsBytes { rocksdb_options_set_max_total_wal_size(options, allLogsBytes) }
    if let recovery { rocksdb_options_set_wal_recovery_mode(options, recovery.rawValue) }
    if let memoryFilterShare {
      rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, memoryFilterShare)
      rocksdb_options_set_memtable_whole_key_filtering(options, 1)
    }
    makeTables(options)
    makeDiary(options)
    if blobFiles { rocksdb_options_set_enable_blob_files(options, 1) }
    if let blobFileBytes { rocksdb_options_set_blob_file_size(options, blobFileBytes) }
    if !tableDirectories.isEmpty {
      var paths = tableDirectories.map { Optional(rocksdb_dbpath_create($0.path, $0.target)!) }
      rocksdb_options_set_db_paths(options, &paths, paths.count)
      for path in paths { rocksdb_dbpath_destroy(path) }
    }
    return options
  }

  private func makeTables(_ options: OpaquePointer) {
    guard blockCacheBytes != nil || filterBits != nil else { return }
    let tables = rocksdb_block_based_options_create()
    defer { rocksdb_block_based_options_destroy(tables) }
    if let blockCacheBytes {
      let cache = rocksdb_cache_create_lru(blockCacheBytes)
      defer { rocksdb_cache_destroy(cache) }
      rocksdb_block_based_options_set_block_cache(tables, cache)
      rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 1)
    }
    if let filterBits {
      rocksdb_block_based_options_set_filter_policy(tables, rocksdb_filterpolicy_create_bloom_full(filterBits))
      rocksdb_block_based_options_set_index_type(
        tables, CInt(rocksdb_block_based_table_index_type_two_level_index_search))
      rocksdb_block_based_options_set_partition_filters(tables, 1)
      rocksdb_block_based_options_set_pin_top_level_index_and_filter(tables, 1)
    }
    rocksdb_options_set_block_based_table_factory(options, tables)
  }

  private func makeDiary(_ options: OpaquePointer) {
    switch diary {
    case .unbounded: break
    case .warnings:
      rocksdb_options_set_info_log_level(options, 2)
      rocksdb_options_set_max_log_file_size(options, 1 << 20)
      rocksdb_options_set_keep_log_file_num(options, 2)
      rocksdb_options_set_stats_dump_period_sec(options, 0)
    case .none:
      // A directory that cannot be made: RocksDB then goes without.
      rocksdb_options_set_db_log_dir(options, "/dev/null/none")
    }
  }
}

extension [UInt8] {
  fileprivate func withChars<Result>(_ body: (UnsafePointer<CChar>?, Int) throws -> Result) rethrows -> Result {
    try withUnsafeBytes { try body($0.baseAddress?.assumingMemoryBound(to: CChar.self) ?? emptyChars, $0.count) }
  }
}

nonisolated(unsafe) private let emptyChars: UnsafePointer<CChar> = {
  let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
  pointer.initialize(to: 0)
  return UnsafePointer(pointer)
}()
