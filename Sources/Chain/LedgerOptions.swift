import RocksDB

/// What a ledger's RocksDB is opened with.
enum LedgerOptions {
  /// Bounded memory, whatever the number of blocks: 32 MiB of tables' blocks, 32 MiB of memory tables.
  static var writing: DatabaseOptions {
    var options = DatabaseOptions()
    options.blockCacheBytes = 32 << 20
    // Every new entry is looked for, to be found missing.
    options.filterBits = 10
    options.memoryFilterShare = 0.02
    options.writeBufferBytes = 16 << 20
    options.allWriteBuffersBytes = 32 << 20
    options.allLogsBytes = 32 << 20
    options.maxOpenFiles = 256
    options.compression = DatabaseOptions.Compression.none
    // The default drops what it cannot read from a log, and with it acknowledged blocks, without a word.
    options.recovery = .tolerateCutTail
    options.notesLogs = true
    options.diary = .warnings
    return options
  }

  static var reading: DatabaseOptions {
    var options = writing
    options.createIfMissing = false
    options.diary = .none
    return options
  }
}
