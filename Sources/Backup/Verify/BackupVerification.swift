public import Archive
public import BlobStore
import Chain
import Foundation
public import GoudCore
import Layout
import RocksDB
import VolumeSnapshot
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Proof of an archive after the fact.
public struct BackupVerification: Sendable {
  public enum Level: String, Sendable, Encodable {
    /// Every byte against every checksum.
    case checksums
    /// And every database opened, every block of every table checked.
    case database
    /// And every ledger walked: hashes, signatures, continuity, indexes, head.
    case chain
  }

  public struct Result: Sendable, Encodable {
    public let level: Level
    public let report: ArchiveReport
    /// Who vouches for it.
    public let signature: ArchiveSignature
    /// Empty for `checksums`.
    public let databases: [ProvenDatabase]
    /// Only for `chain`: what the ledgers hold, and the databases that are none.
    public var ledgers: [ProvenLedger]?
    public var notLedgers: [String]?
  }

  public var archive: String
  /// The store that the archive, by its name, is in; nil: it is a file.
  public var store: (any BlobStore)?
  /// Where an archive of a store is unpacked.
  public var scratch: String?
  /// What opens it when it is sealed: a file of `age-keygen`.
  public var identity: String?
  public var level = Level.checksums
  public var allowUnverified = false
  /// What it must show beside being whole.
  public var trust = ArchiveTrust.anything
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(archive: String) { self.archive = archive }

  /// Leaves a `VerificationRecord`, which retention goes by; `database` unpacks into a directory beside the archive and removes it.
  public func run() throws -> Result {
    do {
      let result = try read()
      try note(.passed(result.report))
      return result
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      try note(.damaged)
      throw error
    }
  }

  private func note(_ finding: VerificationRecord.Finding) throws {
    guard let store else { return try VerificationRecord.write(finding, of: archive) }
    try StoredBackups(store).note(archive, finding)
  }

  private func read() throws -> Result {
    var options = ArchiveReadOptions()
    options.allowUnverified = allowUnverified
    options.fromDevice = true
    options.cancellation = cancellation
    options.progress = progress
    var path = archive
    if let store {
      let found = try StoredBackups(store).find(archive, whole: true)
      path = found.path
      options.bytes = found.bytes
    }
    options.bytes = try OpenedBytes.open(options.bytes, path: path, identity: identity)
    let (signature, checksum) = try trust.require(path, options.bytes ?? ArchiveReader.bytes(of: path))
    options.checksum = checksum
    let result: Result
    switch level {
    case .checksums:
      result = Result(
        level: level, report: try ArchiveVerifier.verify(path: path, options: options), signature: signature,
        databases: [])
    case .database, .chain: result = try prove(path, options, signature)
    }
    try refuseForeign(result)
    return result
  }

  /// The metadata is whole by now, and at level chain the ledgers are proven to be what it says.
  private func refuseForeign(_ result: Result) throws {
    let metadata = result.report.metadata
    if let metadata { try trust.require(metadata, of: result.report.path, as: result.signature) }
    guard let chain = trust.chain else { return }
    let found = result.ledgers?.map(\.chain.id) ?? metadata?.volumes.compactMap { $0.chain?.id } ?? []
    guard Set(found) != [chain] else { return }
    throw ArchiveTrust.foreign(result.report.path, found.first { $0 != chain }, expected: chain)
  }

  private func prove(
    _ archive: String, _ options: ArchiveReadOptions, _ signature: ArchiveSignature
  ) throws -> Result {
    let parent = scratch ?? FileSystem.parent(of: FileSystem.realPath(archive) ?? archive)
    let unpacking = try Unpacking(in: parent)
    var options = options
    let room = try FileSystem.room(at: parent).available
    options.unpackLimit = room.bytes
    options.contentOnly = true
    if let metadata = try? ArchiveReader.metadata(of: archive, bytes: options.bytes) {
      let needed = metadata.bytes
      guard needed <= room else {
        throw GoudError(
          .ioNoRoom, "\(archive) unpacks to \(needed), and \(parent) has room for \(room)",
          hint: "verify at level checksums, which needs no room")
      }
    }
    let (report, proven) = try unpack(archive, options, signature, unpacking)
    var proof = UnpackedProof(scratch: parent, cancellation: cancellation, progress: progress)
    for name in report.volumes.keys.sorted() {
      let noted = report.metadata?.volumes.first { $0.name == name }?.chain
      try proof.take(name, at: unpacking.directory(for: name), proven: proven, noted: noted, chains: level == .chain)
    }
    var result = Result(level: level, report: report, signature: signature, databases: proof.databases)
    guard level == .chain else { return result }
    (result.ledgers, result.notLedgers) = try proof.chains(of: archive)
    return result
  }

  private func unpack(
    _ archive: String, _ options: ArchiveReadOptions, _ signature: ArchiveSignature, _ unpacking: Unpacking
  ) throws -> (ArchiveReport, ProvenFiles) {
    // Of what somebody signed, RocksDB sees nothing before the whole is known to be that.
    if signature.state == .trusted {
      return (
        try ArchiveExtractor.extract(path: archive, options: options) { try unpacking.directory(for: $0) },
        ProvenFiles()
      )
    }
    return try ProofOnArrival.run(cancellation) { arrived in
      try ArchiveExtractor.extract(path: archive, options: options, arrived: arrived) {
        try unpacking.directory(for: $0)
      }
    }
  }
}
