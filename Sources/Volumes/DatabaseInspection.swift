public import Archive
import Chain
import Foundation
public import GoudCore
public import RocksDB
import VolumeSnapshot

/// What is known of one database of a volume. Fields that need the database to open are nil when it does not; `fault`
/// then says why.
public struct DatabaseInspection: Sendable, Codable {
  /// Why a database cannot be used as it is; the fields of a `GoudError`.
  public struct Fault: Sendable, Codable, Equatable {
    public let code: ErrorCode
    public let message: String
    public let hint: String?

    public init(_ error: GoudError) {
      code = error.code
      message = error.message
      hint = error.hint
    }
  }

  /// Relative to the volume; `.` for the volume itself.
  public let path: String
  /// The process that has it open; nil: nobody, or it could not be asked.
  public let openBy: LockHolder?
  public let sequence: UInt64?
  /// RocksDB's estimate for tables; writes that are only in the logs are not in it.
  public let estimatedKeys: Int64?
  /// Write batches that are only in the logs.
  public let logRecords: Int?
  /// Files and bytes by level, and blob files, of each column family.
  public let families: [DatabaseView.Family]?
  public let identity: String?
  /// The RocksDB that wrote it, and the one that read it here.
  public let writtenBy: String?
  public let readBy: String
  public let optionsFile: String?
  public let options: [DatabaseOption]
  /// The chain that it holds; nil when it is no ledger.
  public let chain: BackupMetadata.Chain?
  public let fault: Fault?

  /// Live tables, of all column families.
  public var tables: Int? { families?.reduce(0) { $0 + $1.levels.reduce(0) { $0 + $1.files } } }

  /// Looks at a snapshot, so that a database that is being written meanwhile is seen at one moment.
  /// - Parameter scratch: a directory outside the volume, with room for the logs.
  /// - Returns: also the error behind `fault`.
  static func look(
    _ location: DatabaseLocation, of volume: Volume, scratch: String?, cancellation: Cancellation
  ) throws -> (DatabaseInspection, GoudError?) {
    guard try FileSystem.status("\(location.directory)/CURRENT") != nil else {
      let error = withoutCurrent(location)
      return (DatabaseInspection(location, nil, error), error)
    }
    var options = SnapshotOptions(scratch: scratch)
    options.proveOrders = false
    options.cancellation = cancellation
    do {
      return look(at: try DatabaseSnapshot.look(location, of: volume, options))
    } catch let error as GoudError where error.isAboutTheDatabase {
      options.allowUnproven = true
      let capture = try? DatabaseSnapshot.look(location, of: volume, options)
      return (DatabaseInspection(location, capture, error), error)
    }
  }

  private static func look(at snapshot: DatabaseSnapshot) -> (DatabaseInspection, GoudError?) {
    do {
      return (DatabaseInspection(snapshot.location, snapshot, nil, chain: try snapshot.chainFacts()), nil)
    } catch {
      let fault = error as? GoudError ?? GoudError(.databaseFailed, "\(snapshot.location.directory): \(error)")
      return (DatabaseInspection(snapshot.location, snapshot, fault), fault)
    }
  }

  private static func withoutCurrent(_ location: DatabaseLocation) -> GoudError {
    GoudError(
      .databaseCorrupt, "\(location.directory) is damaged: CURRENT is missing beside its MANIFEST",
      hint: "restore a backup (goud restore), or rebuild the volume from a peer", context: ["path": location.directory])
  }

  private init(
    _ location: DatabaseLocation, _ snapshot: DatabaseSnapshot?, _ error: GoudError?, chain facts: ChainFacts? = nil
  ) {
    let view = snapshot?.view
    path = location.path
    openBy = (try? DatabaseLock.holder(of: location.directory)) ?? nil
    sequence = view?.sequence
    estimatedKeys = view?.families.reduce(0) { $0 + $1.estimatedKeys }
    logRecords = view?.logRecords
    families = view?.families
    identity = view?.identity
    writtenBy = snapshot?.options?.version
    readBy = RocksDBLibrary.version
    optionsFile = snapshot?.optionsName
    options = snapshot?.options.map(DatabaseOption.thatMatter) ?? []
    chain = facts.map(BackupMetadata.Chain.init)
    fault = error.map(Fault.init)
  }
}

extension DatabaseSnapshot {
  /// A snapshot to look at: nothing is read of tables and blob files but what opening needs.
  static func look(
    _ location: DatabaseLocation, of volume: Volume, _ options: SnapshotOptions
  ) throws -> DatabaseSnapshot {
    try take(location, layout: try DatabaseLayout.find(location, volume: volume.path), options: options)
  }
}

extension GoudError {
  /// Whether it says something about a database, rather than about this run or this machine.
  var isAboutTheDatabase: Bool {
    switch code {
    case .databaseCorrupt, .databaseUnsupported, .databaseFailed, .snapshotUnsupported, .snapshotUnstable,
      .snapshotCut, .volumeNoDatabase, .volumeUnsafe:
      true
    default: false
    }
  }
}

/// One option of a database that says how it must be backed up, or how it behaves.
public struct DatabaseOption: Sendable, Codable, Equatable {
  /// The column family; nil for one of the whole database.
  public let family: String?
  public let name: String
  public let value: String

  private static let ofDatabase = [
    "wal_dir", "recycle_log_file_num", "max_total_wal_size", "manual_wal_flush", "wal_compression",
    "max_manifest_file_size", "max_open_files", "use_fsync",
  ]
  private static let ofFamily = [
    "comparator", "merge_operator", "compression", "bottommost_compression", "write_buffer_size",
    "target_file_size_base", "compaction_style", "enable_blob_files", "table_factory",
  ]

  /// Those of `OPTIONS` that are set, the database's first, then by column family.
  static func thatMatter(_ file: OptionsFile) -> [DatabaseOption] {
    let families = file.families.sorted { $0.key < $1.key }
    return pick(ofDatabase, file.database, nil) + families.flatMap { pick(ofFamily, $0.value, $0.key) }
  }

  private static func pick(_ names: [String], _ values: [String: String], _ family: String?) -> [DatabaseOption] {
    names.compactMap { name in
      guard let value = values[name], !value.isEmpty, value != "nullptr" else { return nil }
      return DatabaseOption(family: family, name: name, value: value)
    }
  }
}
