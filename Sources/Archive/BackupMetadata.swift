public import Foundation
public import GoudCore

/// `metadata.json`, the first file of every archive: what the backup holds, before its first byte of data.
///
/// Field names are the format (docs/archive-format.md); readers ignore fields they do not know and refuse a
/// `formatVersion` above their own.
public struct BackupMetadata: Codable, Sendable {
  /// The highest that this reads. Version 2 has files with holes and second names of files; an archive that needs neither
  /// is written as version 1, which older readers take.
  public static let currentFormatVersion = 2

  public var formatVersion = 1
  /// The archive's own name without extension: `goud-chain-backup-<environment>-<yyyyMMdd-HHmmss>`.
  public var name: String
  public var environment: String
  /// The moment of the first snapshot; UTC, RFC 3339, whole seconds.
  public var timestamp: Date
  public var host: String
  public var toolVersion: String
  public var volumes: [Volume]
  /// Volumes whose chain does not agree with that of the others; nil when there are none.
  public var leftOut: [LeftOut]?

  public struct Volume: Codable, Sendable {
    public var name: String
    /// Regular files, and the sum of their sizes without their holes. Restores refuse an archive that holds more.
    public var files: Int
    public var bytes: Int64
    /// Further names of files (hard links), each file counted once in `files`; nil when there are none.
    public var secondNames: Int?
    /// Sum of the sizes with holes; nil when no file has any.
    public var apparentBytes: Int64?
    public var databases: [Database]
    /// Sockets, device nodes and links out of the volume: named here, not stored.
    public var skipped: [String]
    /// Files that were written whenever they were looked at: stored, and perhaps not as they were at one moment. nil when
    /// there are none.
    public var restless: [String]?
    /// Files that could not be stored, and why; nil when there are none.
    public var omitted: [String]?
    /// File systems that are mounted inside the volume and whose content is stored with it; nil when there are none.
    public var mounts: [String]?
    /// What could not be proven when the backup was made (`--unproven`); empty for a proven backup.
    public var unproven: [String]
    /// Facts about the chain; nil when the volume is not a chain node's.
    public var chain: Chain?
    /// What looks like a database and could not be captured as one, stored as files; nil when there is nothing of the kind.
    public var others: [Other]?

    public init(
      name: String, files: Int, bytes: Int64, databases: [Database], skipped: [String] = [], unproven: [String] = [],
      chain: Chain? = nil, others: [Other]? = nil
    ) {
      self.others = others
      self.name = name
      self.files = files
      self.bytes = bytes
      self.databases = databases
      self.skipped = skipped
      self.unproven = unproven
      self.chain = chain
    }
  }

  /// Another program's database, backups, a checkpoint that is not finished.
  public struct Other: Codable, Sendable, Equatable {
    /// Relative to the volume; `.` for the volume itself.
    public var path: String
    /// What it is, in words.
    public var what: String

    public init(path: String, what: String) {
      self.path = path
      self.what = what
    }
  }

  /// What the volumes hold; the largest number there is when they claim more.
  public var bytes: ByteCount { volumes.map { ByteCount($0.bytes) }.sum }

  /// Whether the volumes could be as large as is declared: whoever reads on may add their sizes up.
  public var isPossible: Bool {
    var bytes = ByteCount.zero
    return volumes.allSatisfy { volume in
      bytes += ByteCount(volume.bytes)
      return (0...EntryNames.limit).contains(volume.files) && (0...EntryNames.limit).contains(volume.secondNames ?? 0)
        && volume.bytes >= 0 && bytes.bytes < EntryGate.mostBytes
    }
  }

  /// Which version of the format an archive of these volumes needs.
  public var neededVersion: Int {
    volumes.contains { $0.secondNames != nil || $0.apparentBytes != nil }
      || volumes.reduce(0) { $0 + $1.files } > Self.mostFilesOfVersion1 ? 2 : 1
  }

  /// Readers of version 1 refuse names that add up to more than 64 MiB, 64 bytes on top of each: these never do.
  private static let mostFilesOfVersion1 = 10_000

  /// What of the volumes is not stored, or not as it was at one moment; empty when all is.
  public var shortcomings: [String] {
    volumes.flatMap { volume in
      (volume.restless ?? []).map { "\(volume.name): \($0) was written whenever it was looked at" }
        + (volume.omitted ?? []).map { "\(volume.name): \($0)" }
    }
  }

  /// One RocksDB inside the volume.
  public struct Database: Codable, Sendable {
    /// Relative to the volume: `rocksdb`, or `.` when the volume itself is the database.
    public var path: String
    /// Content of RocksDB's `IDENTITY`; empty when it has none.
    public var identity: String
    /// Sequence number of the newest write; 0 when the database could not be opened (`unproven`).
    public var sequence: UInt64
    public var columnFamilies: [String]
    /// RocksDB's estimate, not a count.
    public var estimatedKeys: Int64
    /// `OPTIONS-000007`; nil when the database has none.
    public var optionsFile: String?
    /// The RocksDB that wrote it (from `OPTIONS`), and the one that proved it.
    public var writtenBy: String?
    public var provenBy: String?
    /// Column families whose keys lie in an order that only their application knows. It is all that is not proven of
    /// them; nil when there are none.
    public var unprovenOrders: [UnprovenOrder]?

    public struct UnprovenOrder: Codable, Sendable, Equatable {
      public var family: String
      /// What the application calls the order (RocksDB's `Comparator::Name()`).
      public var order: String

      public init(family: String, order: String) {
        self.family = family
        self.order = order
      }
    }

    public init(
      path: String, identity: String, sequence: UInt64, columnFamilies: [String], estimatedKeys: Int64,
      optionsFile: String?, writtenBy: String?, provenBy: String?, unprovenOrders: [UnprovenOrder]? = nil
    ) {
      self.path = path
      self.identity = identity
      self.sequence = sequence
      self.columnFamilies = columnFamilies
      self.estimatedKeys = estimatedKeys
      self.optionsFile = optionsFile
      self.writtenBy = writtenBy
      self.provenBy = provenBy
      self.unprovenOrders = unprovenOrders
    }
  }

  /// What a node's volume says of its chain, read from the snapshot.
  public struct Chain: Codable, Sendable, Equatable {
    /// The hash of the genesis block, 64 hexadecimal digits.
    public var id: String
    public var network: String
    /// The names of the nodes, the authority first.
    public var validators: [String]
    public var schemaVersion: Int
    /// Height and hash of the newest block; genesis has height 0.
    public var height: Int64
    public var head: String
    /// Up to this height the node knows its blocks to be on a majority's disks.
    public var acknowledged: Int64

    public init(
      id: String, network: String, validators: [String], schemaVersion: Int, height: Int64, head: String,
      acknowledged: Int64
    ) {
      self.id = id
      self.network = network
      self.validators = validators
      self.schemaVersion = schemaVersion
      self.height = height
      self.head = head
      self.acknowledged = acknowledged
    }
  }

  /// A volume that was asked for and is not in the archive.
  public struct LeftOut: Codable, Sendable, Equatable {
    public var volume: String
    public var reason: String

    public init(volume: String, reason: String) {
      self.volume = volume
      self.reason = reason
    }
  }

  public init(
    name: String, environment: String, timestamp: Date, host: String, toolVersion: String, volumes: [Volume],
    leftOut: [LeftOut]? = nil
  ) {
    self.name = name
    self.environment = environment
    self.timestamp = timestamp
    self.host = host
    self.toolVersion = toolVersion
    self.volumes = volumes
    self.leftOut = leftOut
  }
}
