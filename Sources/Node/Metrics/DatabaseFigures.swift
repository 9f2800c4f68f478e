import Chain

/// RocksDB's own figures, by name of the metric.
enum DatabaseFigures {
  private struct Figure {
    let metric: String
    let property: String
    let help: String
  }

  /// Those of the whole database.
  private static let whole = [
    Figure(metric: "block_cache_bytes", property: "block-cache-usage", help: "Memory of the block cache in use."),
    Figure(metric: "running_flushes", property: "num-running-flushes", help: "Memory tables being written to disk."),
    Figure(metric: "running_compactions", property: "num-running-compactions", help: "Compactions under way."),
    Figure(metric: "background_errors", property: "background-errors", help: "Flushes and compactions that failed."),
    Figure(metric: "write_stopped", property: "is-write-stopped", help: "1: writes wait for compaction."),
    Figure(
      metric: "delayed_write_rate_bytes", property: "actual-delayed-write-rate",
      help: "Bytes a second that writes are slowed to; 0: they are not."),
  ]

  /// Those of each column family.
  private static let each = [
    Figure(metric: "memtable_bytes", property: "cur-size-all-mem-tables", help: "Memory tables not on disk yet."),
    Figure(
      metric: "table_readers_bytes", property: "estimate-table-readers-mem",
      help: "Memory of indexes and filters outside the block cache."),
    Figure(
      metric: "pending_compaction_bytes", property: "estimate-pending-compaction-bytes",
      help: "Bytes that compaction has before it."),
    Figure(metric: "keys", property: "estimate-num-keys", help: "Keys, as RocksDB estimates them."),
    Figure(metric: "live_sst_bytes", property: "live-sst-files-size", help: "Table files of the newest version."),
  ]

  /// The levels of RocksDB's default compaction.
  private static let levels = 0..<7

  /// Asks the database for some sixty numbers; none of them reads a disk.
  static func write(of ledger: Ledger, to exposition: inout Exposition) {
    for figure in whole {
      exposition.gauge("goud_rocksdb_\(figure.metric)", figure.help, value(figure.property, of: ledger, "default"))
    }
    for figure in each {
      exposition.family("goud_rocksdb_\(figure.metric)", .gauge, figure.help) { samples in
        for family in Ledger.families {
          value(figure.property, of: ledger, family).map { samples.sample($0, ["family": family]) }
        }
      }
    }
    exposition.family("goud_rocksdb_level_files", .gauge, "Table files on each level.") { samples in
      for family in Ledger.families {
        for level in levels {
          value("num-files-at-level\(level)", of: ledger, family)
            .map { samples.sample($0, ["family": family, "level": "\(level)"]) }
        }
      }
    }
  }

  private static func value(_ property: String, of ledger: Ledger, _ family: String) -> Double? {
    ledger.property("rocksdb.\(property)", family: family).flatMap { Double($0) }
  }
}
