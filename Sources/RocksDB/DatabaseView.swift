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

/// How a column family orders its keys. Comparators of an application's own are not to be had here.
public enum KeyOrder: Int32, Sendable {
  case bytewise = 0
  case reverseBytewise = 1

  /// - Parameter comparator: the name in `OPTIONS` or the `MANIFEST`; nil for a name that RocksDB does not ship.
  public init?(comparator: String) {
    switch comparator {
    case "leveldb.BytewiseComparator": self = .bytewise
    case "rocksdb.ReverseBytewiseComparator": self = .reverseBytewise
    default: return nil
    }
  }
}

/// What a database says of itself when it is opened read-only. Nothing is written and no lock is taken.
///
/// Opening checks the `MANIFEST`, that every live file is there with its recorded size, and the checksum of every log
/// record. Memory: about 16 MiB, whatever the size of the database and of its logs.
public struct DatabaseView: Sendable {
  public struct Family: Sendable, Codable {
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
  ///   - orders: the key order of each column family that is not bytewise.
  ///   - readBlobs: read every value that lies in a blob file, which checks it.
  ///   - openTables: how many tables may be open at once.
  /// - Throws: `RocksDBError`.
  public init(
    directory: String, orders: [String: KeyOrder] = [:], readBlobs: Bool = false, openTables: Int32 = 64
  ) throws {
    let names = try Self.families(in: directory)
    var pointers = names.map { UnsafePointer(strdup($0)) }
    defer { for pointer in pointers { free(UnsafeMutableRawPointer(mutating: pointer)) } }
    let comparators = names.map { (orders[$0] ?? .bytewise).rawValue }
    var opened: UnsafeMutablePointer<goud_view>?
    try RocksDBError.check(
      goud_view_open(directory, &pointers, comparators, names.count, openTables, readBlobs ? 1 : 0, &opened))
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

  /// The column families that the `MANIFEST` in `directory` names.
  public static func families(in directory: String) throws -> [String] {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    var count = 0
    try RocksDBError.check(goud_list_families(directory, &names, &count))
    defer { goud_names_free(names, count) }
    return (0..<count).map { String(cString: names![$0]!) }
  }

  /// Reads every block of the table at `path` and compares it with its checksum.
  /// - Throws: `RocksDBError` of kind `corruption` when one differs.
  public static func verifyTable(_ path: String, order: KeyOrder = .bytewise) throws {
    try RocksDBError.check(goud_table_verify(path, order.rawValue))
  }
}

extension DatabaseView.Family {
  fileprivate init(_ family: goud_family) {
    name = String(cString: family.name)
    levels = (0..<Int(family.level_count)).map {
      DatabaseView.Level(level: $0, files: Int(family.level_files[$0]), bytes: Int64(family.level_bytes[$0]))
    }
    blobFiles = Int(family.blob_files)
    blobBytes = Int64(family.blob_bytes)
    estimatedKeys = Int64(clamping: family.estimated_keys)
  }
}
