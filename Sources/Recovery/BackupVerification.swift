import Archive
import Foundation
import GoudCore
import VolumeSnapshot

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
  }

  public struct Result: Sendable, Encodable {
    public let level: Level
    public let report: ArchiveReport
    /// Empty for `checksums`.
    public let databases: [ProvenDatabase]
  }

  public struct ProvenDatabase: Sendable, Encodable {
    /// `node1_data/rocksdb`
    public let path: String
    public let sequence: UInt64
    public let tables: Int
  }

  public var archive: String
  public var level = Level.checksums
  public var allowUnverified = false
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(archive: String) { self.archive = archive }

  /// Leaves a `VerificationRecord`, which retention goes by; `database` unpacks into a directory beside the archive and removes it.
  public func run() throws -> Result {
    do {
      let result = try read()
      try VerificationRecord.passed(result.report)
      return result
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      try VerificationRecord.failed(archive)
      throw error
    }
  }

  private func read() throws -> Result {
    var options = ArchiveReadOptions()
    options.allowUnverified = allowUnverified
    options.fromDevice = true
    options.cancellation = cancellation
    options.progress = progress
    switch level {
    case .checksums:
      return Result(level: level, report: try ArchiveVerifier.verify(path: archive, options: options), databases: [])
    case .database: return try prove(options)
    }
  }

  private func prove(_ options: ArchiveReadOptions) throws -> Result {
    let parent = FileSystem.parent(of: FileSystem.realPath(archive) ?? archive)
    Unpacking.removeLeftovers(in: parent)
    let unpacking = try Unpacking(in: parent)
    var options = options
    let room = try FileSystem.room(at: parent).available
    options.unpackLimit = room.bytes
    if let metadata = try? ArchiveReader.metadata(of: archive) {
      let needed = ByteCount(metadata.volumes.map(\.bytes).reduce(0, +))
      guard needed <= room else {
        throw GoudError(
          .ioNoRoom, "\(archive) unpacks to \(needed), and \(parent) has room for \(room)",
          hint: "verify at level checksums, which needs no room")
      }
    }
    let report = try ArchiveExtractor.extract(path: archive, options: options) { try unpacking.directory(for: $0) }
    var databases: [ProvenDatabase] = []
    for name in report.volumes.keys.sorted() {
      let proof = try VolumeProof.check(
        try unpacking.directory(for: name), scratch: parent, cancellation: cancellation, progress: progress)
      databases += proof.databases.map {
        let path = $0.location.path == "." ? name : "\(name)/\($0.location.path)"
        return ProvenDatabase(path: path, sequence: $0.view.sequence, tables: $0.tables)
      }
    }
    return Result(level: level, report: report, databases: databases)
  }
}

/// A directory beside an archive for looking into it; gone when this is, or at the next run.
private final class Unpacking {
  private static let prefix = ".goud-unpacked-"
  private let path: String

  init(in parent: String) throws {
    path = "\(parent)/\(Self.prefix)\(getpid())"
    guard mkdir(path, 0o700) == 0 else { throw GoudError.system("create", path) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func directory(for volume: String) throws -> String {
    let directory = "\(path)/\(volume)"
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw GoudError.system("create", directory) }
    return directory
  }

  static func removeLeftovers(in parent: String) {
    for name in (try? FileSystem.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
      guard let pid = pid_t(name.dropFirst(prefix.count)), kill(pid, 0) != 0, errno == ESRCH else { continue }
      try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
    }
  }
}
