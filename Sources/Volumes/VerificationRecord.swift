package import Archive
package import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// `<archive>.verified.json`: that this very file was read whole, and what came of it.
///
/// It holds for a file of the recorded size and modification time only: a copy, a file that was cut or changed, or one
/// that was replaced is unverified again, until `goud backup verify` reads it. Whoever may write in the directory can
/// write one: it is a claim that a deletion never leans on unseen.
package struct VerificationRecord: Codable, Sendable, Equatable {
  package var archive: String
  package var bytes: Int64
  /// Seconds and nanoseconds since 1970; empty for an object.
  package var modified: [Int64]
  /// The time of an object in a store, as the store tells it.
  package var object: String?
  package var sha256: String
  /// False: it was read and found damaged.
  package var passed: Bool
  /// The volumes in it.
  package var volumes: [String]
  /// Whether every database in it could be proven when it was made.
  package var proven: Bool
  /// When it was read.
  package var verified: Date
  /// What was found in it; nil when that was not told, as in every record of Goud 0.6 and before.
  package var contents: BackupContents?

  /// The record of the file that is at `archive` now; nil when there is none, or it is another file's.
  package static func read(of archive: String) throws -> VerificationRecord? {
    let path = BackupName.verification(of: archive)
    guard let file = try FileSystem.status(archive), try FileSystem.status(path)?.isRegular == true else {
      return nil
    }
    let bytes = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 20)
    guard let record = decoded(bytes),
      record.archive == FileSystem.name(of: archive), record.bytes == Int64(file.st_size),
      record.modified == file.modifiedParts
    else { return nil }
    return record
  }

  /// What came of reading an archive.
  package enum Finding {
    /// Every checksum there is agreed.
    case passed(ArchiveReport)
    /// It is what was stored; what is in it was known then.
    case sealed(ArchiveDigest, BackupMetadata)
    case damaged

    /// Whether there is anything to note: an archive without checksums proves nothing.
    package var counts: Bool { if case .passed(let report) = self { report.checksummed } else { true } }
  }

  /// Notes what came of reading an archive; nothing when a checksum was missing. A directory that cannot be written to
  /// gets no record.
  package static func write(_ finding: Finding, of archive: String, now: Date = Date()) throws {
    do {
      try require(finding, of: archive, now: now)
    } catch let error as GoudError where error.code == .ioPermission {}
  }

  /// The same, of an archive that was just made: where that could be written, its record can.
  package static func require(_ finding: Finding, of archive: String, now: Date = Date()) throws {
    guard finding.counts, let file = try FileSystem.status(archive) else { return }
    var record = VerificationRecord(FileSystem.name(of: archive), bytes: Int64(file.st_size), finding, now: now)
    record.modified = file.modifiedParts
    try AtomicFile.write(try record.encoded(), to: BackupName.verification(of: archive))
  }
}

extension VerificationRecord {
  package init(_ archive: String, bytes: Int64, _ finding: Finding, now: Date = Date()) {
    let (sha256, volumes, metadata): (String, [String], BackupMetadata?) =
      switch finding {
      case .passed(let report): (report.sha256, report.volumes.keys.sorted(), report.metadata)
      case .sealed(let digest, let metadata): (digest.sha256, metadata.volumes.map(\.name), metadata)
      case .damaged: ("", [], nil)
      }
    var passed = true
    if case .damaged = finding { passed = false }
    self.init(
      archive: archive, bytes: bytes, modified: [], sha256: sha256, passed: passed, volumes: volumes,
      proven: passed && metadata?.volumes.allSatisfy(\.unproven.isEmpty) ?? true, verified: now,
      contents: passed ? metadata.map { BackupContents($0) } : nil)
  }

  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return Array(try encoder.encode(self)) + [10]
  }

  package static func decoded(_ bytes: [UInt8]) -> VerificationRecord? {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try? decoder.decode(VerificationRecord.self, from: Data(bytes))
  }
}

extension stat {
  fileprivate var modifiedParts: [Int64] { [Int64(st_mtim.tv_sec), Int64(st_mtim.tv_nsec)] }
}
