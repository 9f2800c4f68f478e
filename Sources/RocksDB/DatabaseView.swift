import CRocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// The version of RocksDB that this program is linked with, and what it can read.
public enum RocksDBLibrary {
  /// Major, minor, patch: `7.8.3`.
  public static let version: String = {
    let number = goud_rocksdb_version()
    return "\(number / 1_000_000).\(number / 1000 % 1000).\(number % 1000)"
  }()

  /// The newest block-based table format (`format_version`) it reads.
  public static let newestTableFormat: UInt32 = goud_rocksdb_newest_table_format()
}

/// How a column family is opened.
public struct FamilyOpening: Sendable, Equatable {
  /// Any bytes.
  public let name: [UInt8]
  /// The name of its order of keys (`Comparator::Name()`), as the `MANIFEST` has it.
  public var order = KeyOrder.bytewise
  /// For an order that RocksDB does not ship: what stands in for it, bytes forwards or backwards.
  public var backwards = false
  /// As many levels are accepted; at least 7.
  public var levels = 7
  /// Whether its tables keep the keys' timestamps.
  public var keepsTimestamps = true

  public init(name: [UInt8]) { self.name = name }
}

/// Names of orders of keys.
public enum KeyOrder {
  public static let bytewise = "leveldb.BytewiseComparator"

  /// Whether RocksDB knows this order itself; another one is known to its application alone.
  public static func isShipped(_ name: String) -> Bool { goud_ships_order(name) != 0 }
}

/// How the keys of a table follow each other, by their bytes. Both are false for a table with one key.
public struct KeySequence: Sendable, Equatable {
  public var forwards: Bool
  public var backwards: Bool
}

/// What a database says of itself when it is opened read-only. Nothing is written and no lock is taken.
///
/// Opening checks the `MANIFEST`, that every live file is there with its recorded size, and the checksum of every log
/// record. Memory: about 16 MiB, whatever the size of the database and of its logs.
public struct DatabaseView: Sendable {
  public struct Family: Sendable, Codable {
    /// Bytes that cannot be shown are written as `\x00`.
    public let name: String
    public let levels: [Level]
    public let blobFiles: Int
    public let blobBytes: Int64
    /// RocksDB's estimate (`rocksdb.estimate-num-keys`) for tables; keys that are only in the logs are not in it.
    public let estimatedKeys: Int64
  }

  public struct Level: Sendable, Codable {
    public let level: Int
    public let files: Int
    public let bytes: Int64
  }

  /// Sequence number of the newest write, in tables or logs.
  public let sequence: UInt64
  /// Write batches that are only in the logs.
  public let logRecords: Int
  /// The numbers of the logs of which at least one record was read.
  public let logsRead: Set<UInt64>
  /// What logs with a smaller number hold is in tables already; recovery does not look at them.
  public let oldestLiveLog: UInt64
  /// The names of the tables, blob files, `CURRENT`, `MANIFEST` and `OPTIONS` that make up the database.
  public let liveFiles: Set<String>
  public let families: [Family]
  /// Content of `IDENTITY`, without white space; empty when there is none.
  public let identity: String

  /// Opens the database in `directory`, describes it and closes it.
  /// - Parameters:
  ///   - openings: how its column families are opened; those not named: in order of their bytes, with 7 levels.
  ///   - mapped: through the page tables, which cuckoo tables demand.
  ///   - openTables: how many tables may be open at once.
  /// - Throws: `RocksDBError`.
  public init(
    directory: String, openings: [FamilyOpening] = [], mapped: Bool = false, openTables: Int32 = 64
  ) throws {
    let known = Dictionary(openings.map { ($0.name, $0) }) { $1 }
    let all = try Self.familyNames(in: directory).map { known[$0] ?? FamilyOpening(name: $0) }
    var opened: UnsafeMutablePointer<goud_view>?
    try RocksDBError.check(
      all.withOpenings { goud_view_open(directory, $0, all.count, openTables, mapped ? 1 : 0, &opened) })
    guard let view = opened?.pointee else { throw RocksDBError(kind: .other, message: "no view") }
    defer { goud_view_free(opened) }
    sequence = view.sequence
    logRecords = Int(view.log_records)
    logsRead = Set(UnsafeBufferPointer(start: view.logs_read, count: view.logs_read_count))
    oldestLiveLog = view.oldest_live_log
    liveFiles = Set((0..<view.live_count).map { String(String(cString: view.live_files[$0]!).drop { $0 == "/" }) })
    families = (0..<view.family_count).map { Family(view.families[$0]) }
    identity = String(cString: view.identity).split(whereSeparator: \.isWhitespace).joined()
  }

  /// The column families that the `MANIFEST` in `directory` names, as they are shown.
  public static func families(in directory: String) throws -> [String] {
    try familyNames(in: directory).map(\.shownAsName)
  }

  private static func familyNames(in directory: String) throws -> [[UInt8]] {
    var names: UnsafeMutablePointer<goud_bytes>?
    var count = 0
    try RocksDBError.check(goud_list_families(directory, &names, &count))
    defer { goud_bytes_free(names, count) }
    return (0..<count).map { [UInt8](names![$0]) }
  }

  /// Reads every block of the table at `path` and compares it with its checksum. A table of a format without checksums
  /// (plain, cuckoo) is read from end to end.
  /// - Parameters:
  ///   - mapped: the table is a cuckoo table.
  ///   - readKeys: read every key, too.
  /// - Returns: how the keys follow each other, when they were read.
  /// - Throws: `RocksDBError` of kind `corruption` when a checksum differs.
  @discardableResult
  public static func verifyTable(_ path: String, mapped: Bool = false, readKeys: Bool = false) throws -> KeySequence {
    var seen: CInt = 0
    try RocksDBError.check(goud_table_verify(path, mapped ? 1 : 0, readKeys ? 1 : 0, &seen))
    return KeySequence(
      forwards: Int(seen) & GOUD_KEYS_FORWARDS != 0, backwards: Int(seen) & GOUD_KEYS_BACKWARDS != 0)
  }
}

extension [FamilyOpening] {
  /// The same for C; valid within `body`.
  fileprivate func withOpenings<Result>(_ body: (UnsafePointer<goud_opening>) -> Result) -> Result {
    let names = map { name in
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: name.name.count + 1)
      copy.initialize(repeating: 0, count: name.name.count + 1)
      for (index, byte) in name.name.enumerated() { copy[index] = CChar(bitPattern: byte) }
      return copy
    }
    let orders = map { strdup($0.order)! }
    defer {
      for name in names { name.deallocate() }
      for order in orders { free(order) }
    }
    return body(
      indices.map { index in
        goud_opening(
          name: names[index], name_count: self[index].name.count, order: orders[index],
          backwards: self[index].backwards ? 1 : 0, levels: CInt(clamping: self[index].levels),
          keeps_timestamps: self[index].keepsTimestamps ? 1 : 0)
      })
  }
}

extension [UInt8] {
  fileprivate init(_ name: goud_bytes) {
    self.init(UnsafeRawBufferPointer(start: name.bytes, count: name.count))
  }

  /// A column family's name as it is shown and stored: what is not UTF-8, control characters and backslashes are written
  /// as `\x00`, so that different names stay different.
  public var shownAsName: String {
    var shown = ""
    var rest = self[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
      if let text = String(validating: rest.prefix(length), as: UTF8.self), first >= 0x20, first != 0x7f, first != 0x5c
      {
        shown += text
        rest = rest.dropFirst(length)
      } else {
        shown += "\\x" + String(first >> 4, radix: 16) + String(first & 15, radix: 16)
        rest = rest.dropFirst()
      }
    }
    return shown
  }
}

extension DatabaseView.Family {
  fileprivate init(_ family: goud_family) {
    name = [UInt8](family.name).shownAsName
    levels = (0..<Int(family.level_count)).map {
      DatabaseView.Level(level: $0, files: Int(family.level_files[$0]), bytes: Int64(family.level_bytes[$0]))
    }
    blobFiles = Int(family.blob_files)
    blobBytes = Int64(family.blob_bytes)
    estimatedKeys = Int64(clamping: family.estimated_keys)
  }
}
