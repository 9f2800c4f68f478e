public import Archive
import Foundation
public import GoudCore
public import Repository
import Volumes

/// Brings an archive into a repository: unpacks it, proves its databases, and commits them under the archive's own moment.
public struct ArchiveImport: Sendable {
  public var archive: String
  public var repository: Repository
  /// Where it is unpacked; removed afterwards.
  public var scratch: String
  public var toolVersion: String
  public var trust = ArchiveTrust.anything
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(_ archive: String, into repository: Repository, scratch: String, toolVersion: String) {
    (self.archive, self.repository, self.scratch, self.toolVersion) = (archive, repository, scratch, toolVersion)
  }

  /// - Throws: as a restore of the archive, before anything is stored; as a commit.
  public func run() throws -> CommitResult {
    var options = ArchiveReadOptions()
    (options.cancellation, options.progress) = (cancellation, progress)
    let (signature, checksum) = try trust.require(archive, ArchiveReader.bytes(of: archive))
    options.checksum = checksum
    let metadata = try ArchiveReader.metadata(of: archive, bytes: nil)
    try trust.require(metadata, of: archive, as: signature)
    try FileSystem.makePrivateDirectory(scratch)
    let room = try FileSystem.room(at: scratch).available
    guard metadata.bytes <= room else {
      throw GoudError(
        .ioNoRoom, "\(archive) unpacks to \(metadata.bytes), and \(scratch) has room for \(room)",
        hint: "name another directory with -d")
    }
    let unpacking = try Unpacking(in: scratch)
    options.unpackLimit = room.bytes
    options.restorePrivileges = true
    let report = try ArchiveExtractor.extract(path: archive, options: options) { try unpacking.directory(for: $0) }
    let volumes = try report.volumes.keys.sorted().map { Volume(name: $0, path: try unpacking.directory(for: $0)) }
    var request = CommitRequest(
      environment: metadata.environment, volumes: volumes, repository: repository, scratch: scratch,
      toolVersion: toolVersion)
    request.taken = metadata.timestamp
    request.leftOut = metadata.leftOut ?? []
    request.allowUnproven = metadata.volumes.contains { !$0.unproven.isEmpty }
    (request.cancellation, request.progress) = (cancellation, progress)
    return try CommitWorkflow(request).run()
  }
}
