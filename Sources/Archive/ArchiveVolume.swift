public import GoudCore
import Layout

/// One volume on its way into an archive: its entries in order (the root first, a directory before what it holds, a file
/// before its second names), each file with its bytes.
public struct ArchiveVolume: Sendable {
  /// Entries that are read when they are wanted, so that any number of them takes no memory.
  public struct Stream: Sendable {
    /// How many there are.
    public var count: Int
    public var each: @Sendable (_ body: (Item) throws -> Void) throws -> Void

    public init(count: Int, each: @escaping @Sendable (_ body: (Item) throws -> Void) throws -> Void) {
      self.count = count
      self.each = each
    }
  }

  public struct Item: Sendable {
    public var entry: FileEntry
    /// Set exactly for regular files.
    public var content: (any ByteSource)?
    /// Of a file that is written once, as it was when it was opened; nil for others.
    public var version: FileVersion?
    /// Called once before the file's first byte is read; throws to give the backup up. Runs ahead on another thread.
    public var prove: (@Sendable () throws -> Void)?
    /// Called after the file's last byte was read, with the SHA-256 of what was: whether that is the file of one moment.
    public var settle: (@Sendable (_ sha256: String) throws -> Bool)?

    public init(
      entry: FileEntry, content: (any ByteSource)? = nil, version: FileVersion? = nil,
      prove: (@Sendable () throws -> Void)? = nil,
      settle: (@Sendable (_ sha256: String) throws -> Bool)? = nil
    ) {
      self.entry = entry
      self.content = content
      self.version = version
      self.prove = prove
      self.settle = settle
    }
  }

  public var name: String
  /// What lies beside the databases: written before the `items` of any volume, so that little time passes between the
  /// looks at these files and their storing.
  public var others: Stream?
  public var items: [Item]
  /// Further names of files among `others` and `items`; written last.
  public var secondNames: Stream?

  public init(name: String, others: Stream? = nil, items: [Item], secondNames: Stream? = nil) {
    self.name = name
    self.others = others
    self.items = items
    self.secondNames = secondNames
  }
}

/// Files that were found to have changed between the looks at them and their storing: nothing is stored, and whoever
/// tries again must take them as restless.
public struct LateChanges: Error {
  /// Paths, by the volume's name.
  public let paths: [String: Set<String>]

  public init(paths: [String: Set<String>]) { self.paths = paths }
}

/// How an archive is compressed.
public enum Compression: String, Sendable, CaseIterable, Codable {
  case gzip, zstd, none

  /// `.tar.gz`, `.tar.zst`, `.tar`.
  public var fileExtension: String {
    switch self {
    case .gzip: BackupName.gzip
    case .zstd: BackupName.zstd
    case .none: BackupName.tar
    }
  }

  /// Reads the configuration's word: `gzip`, `pigz` (the guide's word for parallel gzip; the same format), `zstd`,
  /// `none`.
  /// - Throws: `usage.invalid` for any other.
  public init(name: String) throws {
    switch name {
    case "gzip", "pigz": self = .gzip
    case "zstd": self = .zstd
    case "none": self = .none
    default:
      throw GoudError(.usage, "unknown compression '\(name)'", hint: "name one of gzip, pigz, zstd, none")
    }
  }
}
