public import Archive
public import Foundation
import GoudCore
import Layout
public import Minisign

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
      /// Keys are trusted here (`TRUSTED_KEYS`, `--trust`), and none of them has signed it.
      case untrusted
    }

    public let path: String
    public let bytes: Int64
    public let state: State
    /// When this very file was last read whole, with every checksum agreeing; nil: never.
    public let verified: Date?
    public let metadata: BackupMetadata?
    /// Who vouches for it, as far as can be told with the keys that are trusted here.
    public let signature: ArchiveSignature
    /// Of a sealed one that was read whole: its record, which says what is in it.
    let record: VerificationRecord?

    /// - Parameter mustBeTrusted: whether only what a trusted key has signed counts.
    package init(
      path: String, bytes: Int64, metadata: BackupMetadata?, record: VerificationRecord?, hasChecksum: Bool,
      signature: ArchiveSignature = .none, mustBeTrusted: Bool = false
    ) {
      self.path = path
      self.bytes = bytes
      self.signature = signature
      let state = State(metadata, record, isSealed: path.isSealed, hasChecksum: hasChecksum)
      self.state =
        mustBeTrusted && signature.state != .trusted && state.isRestorable ? .untrusted : state
      verified = record?.passed == true ? record?.verified : nil
      self.metadata = metadata
      self.record = record?.passed == true ? record : nil
    }

    private enum CodingKeys: CodingKey { case path, bytes, state, verified, metadata, signature }

    /// Of a sealed one, as its name says.
    public var environment: String? {
      metadata?.environment ?? BackupName(file: FileSystem.name(of: path))?.environment
    }
    public var taken: Date? { metadata?.timestamp ?? BackupName(file: FileSystem.name(of: path))?.moment }

    /// Why a volume in it is not proven, empty when it is; nil when the volume is not in it, as far as can be told.
    package func unproven(_ volume: String) -> [String]? {
      if let metadata { return metadata.volumes.first { $0.name == volume }?.unproven }
      guard let record, record.volumes.contains(volume) else { return nil }
      let proven = record.contents?.volumes.first { $0.name == volume }?.proven ?? record.proven
      return proven ? [] : ["it could not be proven when it was made"]
    }
  }

  private let directory: String
  private let keys: [VerifyingKey]

  /// With the keys that the configuration trusts.
  /// - Throws: `signing.invalid-key`, and what keeps a file with a key from being read.
  public init(_ configuration: GoudConfiguration) throws {
    self.init(directory: configuration.backupDirectory, trusting: try configuration.trustedKeys())
  }

  /// - Parameter keys: whose signatures count; with any, what none of them has signed is untrusted.
  public init(directory: String, trusting keys: [VerifyingKey] = []) {
    self.directory = directory
    self.keys = keys
  }

  /// Newest first; those without readable metadata last.
  public func list() throws -> [Backup] {
    guard try FileSystem.status(directory) != nil else { return [] }
    return try FileSystem.knownNames(in: directory).filter(BackupName.isArchive).map { backup($0) }.newestFirst()
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

  /// One that cannot be looked at is one of these too: it must not hide the others.
  private func backup(_ name: String) -> Backup {
    let path = "\(directory)/\(name)"
    return Backup(
      path: path, bytes: Int64((try? FileSystem.status(path))?.st_size ?? 0),
      metadata: name.isSealed ? nil : try? ArchiveReader.metadata(of: path),
      record: try? VerificationRecord.read(of: path),
      hasChecksum: (try? FileSystem.status(BackupName.checksum(of: path))) != nil,
      signature: (try? signature(of: path)) ?? .none, mustBeTrusted: !keys.isEmpty)
  }

  private func signature(of path: String) throws -> ArchiveSignature {
    let bytes = try ArchiveReader.bytes(of: path)
    return ArchiveSignature(
      of: path, checksum: try bytes.checksum(), signature: try bytes.signature(), keys: keys)
  }
}

extension [BackupCatalog.Backup] {
  /// Those that were taken in one second by their names: of such the later one was given the next free second
  /// (`BackupWorkflow`). Those without a moment last.
  package func newestFirst() -> Self {
    sorted { ($0.taken ?? .distantPast, $0.path) > ($1.taken ?? .distantPast, $1.path) }
  }
}

extension BackupCatalog.Backup.State {
  /// Whether it could be put in place, but for who has made it.
  fileprivate var isRestorable: Bool { [.complete, .unproven, .sealed].contains(self) }

  init(_ metadata: BackupMetadata?, _ record: VerificationRecord?, isSealed: Bool, hasChecksum: Bool) {
    self =
      if metadata == nil && !isSealed {
        .unreadable
      } else if record?.passed == false {
        .damaged
      } else if !hasChecksum {
        .incomplete
      } else if let metadata {
        metadata.volumes.allSatisfy(\.unproven.isEmpty) ? .complete : .unproven
      } else {
        .sealed
      }
  }
}
