import GoudCore

/// One volume on its way into an archive: its entries in order (the root first, a directory before what it holds),
/// each file with its bytes.
public struct ArchiveVolume: Sendable {
  public struct Item: Sendable {
    public var entry: FileEntry
    /// Set exactly for regular files.
    public var content: (any ByteSource)?
    /// Called once before the file's first byte is read; throws to give the backup up. Runs ahead on another thread.
    public var prove: (@Sendable () throws -> Void)?

    public init(
      entry: FileEntry, content: (any ByteSource)? = nil, prove: (@Sendable () throws -> Void)? = nil
    ) {
      self.entry = entry
      self.content = content
      self.prove = prove
    }
  }

  public var name: String
  public var items: [Item]

  public init(name: String, items: [Item]) {
    self.name = name
    self.items = items
  }
}

/// How an archive is compressed.
public enum Compression: String, Sendable, CaseIterable, Codable {
  case gzip, zstd, none

  /// `.tar.gz`, `.tar.zst`, `.tar`.
  public var fileExtension: String {
    switch self {
    case .gzip: ".tar.gz"
    case .zstd: ".tar.zst"
    case .none: ".tar"
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
