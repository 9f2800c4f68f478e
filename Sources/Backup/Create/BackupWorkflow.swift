public import Archive
public import BlobStore
import Foundation
public import GoudCore
import Layout
public import Minisign
import VolumeSnapshot
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// What to back up, and how.
public struct BackupRequest: Sendable {
  public var environment: String
  /// At least one; names and paths differ (`VolumeCatalog.resolve`).
  public var volumes: [Volume]
  /// Where the archive goes, and what the snapshot needs meanwhile; created when missing.
  public var directory: String
  /// A store that the archive goes to as well.
  public var store: (any BlobStore)?
  /// Whether it also stays in the directory. Without a store, it does.
  public var keepsFile = true
  /// About how many bytes the archive has, for the store.
  public var estimate: Int64 = 0
  public var compression: Compression
  /// Whom the archive is sealed for (`age1…`); nil: nobody.
  public var recipient: String?
  /// Who vouches for the archive; nil: nobody.
  public var signer: SigningKey?
  /// Volumes that belong to the environment and cannot be taken, and why: named in the metadata beside those that the
  /// workflow leaves out itself.
  public var leftOut: [BackupMetadata.LeftOut] = []
  /// Re-read the archive from the device before reporting success.
  public var verify = true
  /// Store what the linked RocksDB cannot open; the metadata says so.
  public var allowUnproven = false
  /// Leave out what other file systems are mounted on inside the volumes.
  public var oneFileSystem = false
  public var toolVersion: String
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(environment: String, volumes: [Volume], directory: String, compression: Compression, toolVersion: String)
  {
    self.environment = environment
    self.volumes = volumes
    self.directory = directory
    self.compression = compression
    self.toolVersion = toolVersion
  }
}

/// A backup that is on disk under its name.
public struct BackupResult: Sendable, Encodable {
  /// Its path; that in the store when it is only there.
  public let archive: String
  /// Where it is in the store; nil: in none.
  public let stored: String?
  public let bytes: Int64
  public let sha256: String
  /// Whether it was read back and found whole.
  public let verified: Bool
  /// Who vouches for it; the state is `trusted`, by the key that has signed it, or `none`.
  public let signature: ArchiveSignature
  public let metadata: BackupMetadata
  /// How long the snapshots, the writing and the re-reading took.
  public let snapshotSeconds: Double
  public let writeSeconds: Double
  public let verifySeconds: Double
  /// How much of that it rested, to give way to the nodes.
  public let restedSeconds: Double
  /// Looks that the snapshots took together.
  public let attempts: Int
}

/// Snapshot → archive → read it back. The nodes are neither asked nor stopped, and their volumes only read.
///
/// Volumes that hold a chain are compared first. One whose chain does not agree with that of the others is left out and
/// named in the metadata (`leftOut`); the caller reports it. So are files that did not keep still, and such as could not
/// be stored (`restless`, `omitted`).
public struct BackupWorkflow {
  private let request: BackupRequest

  public init(_ request: BackupRequest) { self.request = request }

  /// When it returns, the archive and its checksum are durable. When it throws, nothing of them is there.
  public func run() throws -> BackupResult {
    if let recipient = request.recipient { try AgeProcess.check(recipient: recipient) }
    try refuseVolumesAsDestination()
    try prepareDirectory()
    let locks = try request.volumes.map { try DirectoryLock($0.path, orGoOn: true) }
    defer { withExtendedLifetime(locks) {} }
    let started = ContinuousClock.now
    let draft: Draft
    do {
      draft = try store(copyingTables: false)
    } catch let error as GoudError where error.code == .snapshotCut {
      draft = try store(copyingTables: true)
    }
    let (written, metadata) = (draft.written, draft.metadata)
    let stored = ContinuousClock.now
    KillPoint.reached("backup.written")
    do {
      try request.cancellation.check()
      if request.verify { try verify(written, metadata) }
    } catch {
      try withdraw(written, because: error)
    }
    let read = ContinuousClock.now
    let signature: ArchiveSignature
    do { signature = try self.signature(written) } catch { try withdraw(written, because: error) }
    return BackupResult(
      archive: written.path, stored: request.store.map { "\($0.location)/\(FileSystem.name(of: written.path))" },
      bytes: written.bytes, sha256: written.sha256, verified: request.verify, signature: signature, metadata: metadata,
      snapshotSeconds: (draft.taken - started).seconds, writeSeconds: (stored - draft.taken).seconds,
      verifySeconds: request.verify ? (read - stored).seconds : 0, restedSeconds: Pace.process.rested.seconds,
      attempts: draft.attempts)
  }

  private struct Draft {
    let written: WrittenArchive
    let metadata: BackupMetadata
    let taken: ContinuousClock.Instant
    let attempts: Int
  }

  /// Snapshot and archive. A database that deletes bit by bit what it no longer needs cuts what is held of it, and the
  /// longer it is held the more: its tables are copied first then, which is quicker than to prove and compress them.
  /// - Throws: `snapshot.cut`, having left nothing.
  private func store(copyingTables: Bool) throws -> Draft {
    let taking = SnapshotTaking(
      volumes: request.volumes, scratch: request.directory, allowUnproven: request.allowUnproven,
      oneFileSystem: request.oneFileSystem, cancellation: request.cancellation)
    let (selection, taken, attempts) = try taking.run(copyingTables: copyingTables)
    let (written, metadata) = try write(selection)
    return Draft(written: written, metadata: metadata, taken: taken, attempts: attempts)
  }

  /// A backup in the volume that it is of would hold all earlier ones. Before anything is made.
  private func refuseVolumesAsDestination() throws {
    let containment = try Containment()
    try containment.refuse(
      request.directory, inAnyOf: request.volumes, hint: "name a directory outside the volumes with -d (BACKUP_DIR)")
    if let store = request.store as? DirectoryStore {
      try containment.refuse(
        store.location, inAnyOf: request.volumes, hint: "name a directory outside the volumes with -c")
    }
  }

  private func prepareDirectory() throws {
    do {
      try FileSystem.makePrivateDirectory(request.directory)
    } catch let error as GoudError {
      throw GoudError(
        error.code, "cannot create \(request.directory)", hint: "name another directory with -d", cause: error)
    }
    guard access(request.directory, W_OK) == 0 else { throw GoudError.system("write to", request.directory) }
    try Leftovers(in: request.directory).remove()
  }

  /// The first name from `moment` on that no archive has and no other run, of whatever host, is writing.
  /// - Returns: with the name, what keeps it free in the directory until the run ends.
  private func reserveName(at moment: Date) throws -> (String, Temporary) {
    let directory = try Descriptor.open(request.directory, O_RDONLY | O_DIRECTORY)
    var moment = moment
    while true {
      let name = BackupName.stem(of: request.environment, at: moment)
      // Reserved before it is looked for: whoever had it may just have published.
      if let reservation = try Temporary.reserve(name, in: directory),
        !(try names().contains { $0.hasPrefix("\(name).") })
      {
        return (name, reservation)
      }
      moment += 1
    }
  }

  /// What lies beside the databases is written first. A file that changed since it was looked at is not in the metadata, which
  /// is before it in the archive: then it is begun anew, with that file's name.
  private func write(_ selection: BackupSelection) throws -> (WrittenArchive, BackupMetadata) {
    var parts = selection.parts
    let moment = parts.map(\.snapshot.moment).min() ?? Date()
    let (name, reservation) = try reserveName(at: moment)
    defer { reservation.remove() }
    var options = ArchiveWriter.Options(compression: request.compression)
    options.scratch = request.directory
    options.cancellation = request.cancellation
    options.progress = request.progress
    for _ in 0..<Self.beginnings {
      let metadata = BackupMetadata(
        parts, leftOut: request.leftOut + selection.leftOut, name: name, environment: request.environment,
        moment: moment, toolVersion: request.toolVersion)
      do {
        let written = try ArchiveWriter.write(
          volumes: parts.map { $0.snapshot.archiveVolume(named: $0.volume.name) }, metadata: metadata,
          to: try sink("\(metadata.name)\(request.compression.fileExtension)", metadata), options: options)
        return (written, metadata)
      } catch let late as LateChanges {
        for index in parts.indices {
          guard let paths = late.paths[parts[index].volume.name] else { continue }
          parts[index].snapshot = try parts[index].snapshot.taking(late: paths)
        }
      }
    }
    throw GoudError(
      .volumeFileChanged, "files beside the databases changed each time they were to be stored",
      hint: "try again, or at a quieter time")
  }

  /// Each time more files are known for not keeping still.
  private static let beginnings = 8

  private func names() throws -> [String] {
    try FileSystem.knownNames(in: request.directory) + (request.store?.list().map(\.name) ?? [])
  }

  private func sink(_ name: String, _ metadata: BackupMetadata) throws -> any ArchiveSink {
    let signer = request.signer.map { ArchiveSigner($0, for: metadata) }
    guard let recipient = request.recipient else { return try place(name, signer) }
    let place = try place("\(name)\(SealedSink.suffix)", signer)
    do {
      return try SealedSink(place, recipient: recipient)
    } catch {
      place.discard()
      throw error
    }
  }

  private func place(_ name: String, _ signer: ArchiveSigner?) throws -> any ArchiveSink {
    guard let store = request.store else { return try FileSink(path: "\(request.directory)/\(name)", signer: signer) }
    let blob = try BlobSink(store, name, estimate: request.estimate, signer: signer)
    guard request.keepsFile else { return blob }
    do {
      return BothSinks(try FileSink(path: "\(request.directory)/\(name)", signer: signer), blob) {
        try StoredBackups(store).delete(name)
      }
    } catch {
      blob.discard()
      throw error
    }
  }

  private func verify(_ written: WrittenArchive, _ metadata: BackupMetadata) throws {
    let name = FileSystem.name(of: written.path)
    var findings: [() throws -> Void] = []
    if request.keepsFile {
      let finding = try read(written, written.path, metadata)
      findings.append { try VerificationRecord.require(finding, of: written.path) }
    }
    if let store = request.store {
      let stored = StoredBackups(store)
      let (path, bytes) = try stored.find(name, whole: true)
      let finding = try read(written, path, metadata, bytes)
      findings.append { try stored.note(name, finding) }
    }
    // Only what is whole everywhere is noted anywhere.
    for note in findings { try note() }
  }

  /// Read back from where the archive is, and checked as a restore would.
  private func signature(_ written: WrittenArchive) throws -> ArchiveSignature {
    guard let signer = request.signer else { return .none }
    let trust = ArchiveTrust(keys: [signer.verifier])
    var found: ArchiveSignature?
    if let store = request.store {
      let (path, bytes) = try StoredBackups(store).find(FileSystem.name(of: written.path), whole: false)
      found = try trust.require(path, bytes).0
    }
    if request.keepsFile { found = try trust.require(written.path, ArchiveReader.bytes(of: written.path)).0 }
    return found ?? .none
  }

  /// An archive that was not read back to its end, or not as it was written, is taken away again, from wherever it is. The
  /// run may have been asked to stop: this goes on all the same.
  private func withdraw(_ written: WrittenArchive, because error: any Error) throws -> Never {
    do {
      if request.keepsFile { try FileSink.remove(written.path) }
      if let store = request.store { try StoredBackups(store).delete(FileSystem.name(of: written.path)) }
    } catch let failure {
      let text = "the archive \(written.path) is unverified, and could not be removed: \(failure)"
      throw (error as? GoudError)?.within(text) ?? error
    }
    guard let known = error as? GoudError, known.code.exitStatus == .corrupt else { throw error }
    throw known.within("the archive did not read back as it was written and was removed")
  }

  /// What is sealed cannot be looked into here: it is compared with what was stored, to the byte.
  private func read(
    _ written: WrittenArchive, _ path: String, _ metadata: BackupMetadata, _ bytes: (any ArchiveBytes)? = nil
  ) throws -> VerificationRecord.Finding {
    var options = ArchiveReadOptions()
    options.bytes = bytes
    options.fromDevice = true
    options.cancellation = request.cancellation
    options.progress = request.progress
    guard request.recipient != nil else { return .passed(try ArchiveVerifier.verify(path: path, options: options)) }
    let read = try ArchiveReader.compareChecksum(of: path, options: options)
    guard read == ArchiveDigest(bytes: written.bytes, sha256: written.sha256) else {
      throw GoudError(.archiveChecksumMismatch, "\(path) is not what was stored")
    }
    return .sealed(read, metadata)
  }
}
