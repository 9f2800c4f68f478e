import Archive
import Foundation
import GoudCore
import Volumes

/// The archives in a directory.
public struct BackupCatalog {
  /// One archive, as far as its first kilobytes tell.
  public struct Backup: Sendable, Encodable {
    public enum State: String, Sendable, Encodable {
      /// Its `.sha256` is beside it. Whether it agrees, only reading it tells.
      case complete
      /// Its `.sha256` is missing: cut off, or moved without it.
      case incomplete
      /// Sealed for a recipient; its `.sha256` is beside it, and what is in it cannot be seen.
      case sealed
      /// Stored with `--unproven`.
      case unproven
      /// Its metadata cannot be read.
      case unreadable
      /// It was read whole and found damaged.
      case damaged
    }

    public let path: String
    public let bytes: Int64
    public let state: State
    /// When this very file was last read whole, with every checksum agreeing; nil: never.
    public let verified: Date?
    public let metadata: BackupMetadata?

    /// Of a sealed one, as its name says.
    public var environment: String? {
      metadata?.environment ?? BackupName(file: FileSystem.name(of: path))?.environment
    }
    public var taken: Date? { metadata?.timestamp ?? BackupName(file: FileSystem.name(of: path))?.moment }
  }

  /// What an archive says of itself: its first megabytes are read.
  /// - Parameters:
  ///   - bytes: nil: it is a file.
  ///   - identity: what opens it when it is sealed.
  /// - Throws: `archive.sealed`, and what reading it finds.
  public static func metadata(
    of path: String, bytes: (any ArchiveBytes)?, identity: String?
  ) throws -> BackupMetadata {
    try ArchiveReader.metadata(of: path, bytes: try OpenedBytes.open(bytes, path: path, identity: identity))
  }

  private let directory: String

  public init(_ configuration: GoudConfiguration) { directory = configuration.backupDirectory }

  public init(directory: String) { self.directory = directory }

  /// Newest first; those without readable metadata last.
  public func list() throws -> [Backup] {
    guard try FileSystem.status(directory) != nil else { return [] }
    return try FileSystem.names(in: directory).filter(Self.isArchive).sorted().map { try backup($0) }
      .sorted { ($0.taken ?? .distantPast) > ($1.taken ?? .distantPast) }
  }

  /// The path of an archive: a path as it is, or a name in the directory.
  /// - Throws: `archive.not-found`.
  public func find(_ file: String) throws -> String {
    if try FileSystem.status(file) != nil { return file }
    if !file.contains("/"), try FileSystem.status("\(directory)/\(file)") != nil { return "\(directory)/\(file)" }
    throw GoudError(
      .archiveNotFound, "there is no archive \(file)\(file.contains("/") ? "" : ", here or in \(directory)")",
      hint: "goud backup list shows what there is")
  }

  package static func isArchive(_ name: String) -> Bool {
    !name.hasPrefix(".") && Compression.allCases.contains { name.withoutSeal.hasSuffix($0.fileExtension) }
  }

  private func backup(_ name: String) throws -> Backup {
    let path = "\(directory)/\(name)"
    let isSealed = name.hasSuffix(SealedSink.suffix)
    let metadata = isSealed ? nil : try? ArchiveReader.metadata(of: path)
    let record = try VerificationRecord.read(of: path)
    return Backup(
      path: path, bytes: Int64(try FileSystem.status(path)?.st_size ?? 0),
      state: .init(metadata, record, isSealed: isSealed, hasChecksum: try FileSystem.status("\(path).sha256") != nil),
      verified: record?.passed == true ? record?.verified : nil, metadata: metadata)
  }
}
