import Archive
import Backup
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A place with archives of one environment, as retention sees it. What has any other name is not looked at.
protocol Shelf: Sendable {
  func facts() throws -> [BackupFacts]

  /// Whether an archive still is what its record says: it is read again, unless that was done within a day.
  func holds(_ archive: String, _ request: PruneRequest) throws -> Bool

  /// The archive first: from then on the backup is gone, and what a kill leaves is clearly not one.
  func delete(_ archive: String) throws

  /// Checksums and records whose archive is gone: of a prune that was killed, or of a backup killed just before it was
  /// published. Younger than a day they may belong to a backup that is being published now.
  func removeOrphans(now: Date) throws
}

extension BackupFacts.State {
  init(_ record: VerificationRecord?, hasChecksum: Bool) {
    guard hasChecksum else {
      self = .broken("its checksum is missing")
      return
    }
    switch record {
    case .some(let record) where !record.passed: self = .broken("found damaged")
    case .some(let record): self = .verified(proven: record.proven)
    case .none: self = .unverified
    }
  }
}

/// Archives in a directory.
struct BackupShelf: Shelf {
  let directory: String
  let environment: String

  func facts() throws -> [BackupFacts] {
    guard try FileSystem.status(directory) != nil else { return [] }
    return try FileSystem.names(in: directory).compactMap { name in
      guard let known = BackupName(file: name), known.environment == environment else { return nil }
      let path = "\(directory)/\(name)"
      guard let status = try FileSystem.status(path), status.isRegular else { return nil }
      let (state, volumes) = try look(path)
      return BackupFacts(
        path: path, environment: environment, taken: known.moment, bytes: ByteCount(status.st_size), state: state,
        volumes: volumes)
    }
  }

  private func look(_ path: String) throws -> (BackupFacts.State, [String]) {
    let record = try VerificationRecord.read(of: path)
    let volumes = record?.passed == true ? record!.volumes : named(path)
    return (.init(record, hasChecksum: try FileSystem.status("\(path).sha256") != nil), volumes)
  }

  private func named(_ path: String) -> [String] {
    (try? ArchiveReader.metadata(of: path).volumes.map(\.name)) ?? []
  }

  func holds(_ archive: String, _ request: PruneRequest) throws -> Bool {
    guard let record = try VerificationRecord.read(of: archive), record.passed else { return false }
    if record.isFresh(request.now) { return true }
    var options = ArchiveReadOptions()
    options.fromDevice = true
    options.cancellation = request.cancellation
    options.progress = request.progress
    do {
      if archive.hasSuffix(SealedSink.suffix) {
        return try record.renew(archive, try ArchiveReader.compareChecksum(of: archive, options: options), request.now)
      }
      try VerificationRecord.passed(try ArchiveVerifier.verify(path: archive, options: options), now: request.now)
      return true
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      try VerificationRecord.failed(archive, now: request.now)
      return false
    }
  }

  func delete(_ archive: String) throws {
    for path in [archive, "\(archive).sha256", VerificationRecord.path(of: archive)] {
      guard unlink(path) == 0 || errno == ENOENT else { throw GoudError.system("delete", path) }
      try FileSystem.synchronize(directory: directory)
      KillPoint.reached("prune.deleted")
    }
  }

  func removeOrphans(now: Date) throws { for orphan in try orphans(now: now) { unlink(orphan) } }

  private func orphans(now: Date) throws -> [String] {
    guard try FileSystem.status(directory) != nil else { return [] }
    return try FileSystem.names(in: directory).compactMap { name in
      guard let suffix = [".sha256", ".verified.json"].first(where: { name.hasSuffix($0) }),
        BackupName(file: String(name.dropLast(suffix.count)))?.environment == environment
      else { return nil }
      let path = "\(directory)/\(name)"
      guard try FileSystem.status(String(path.dropLast(suffix.count))) == nil, let status = try FileSystem.status(path),
        status.isRegular, Double(status.st_mtim.tv_sec) < now.timeIntervalSince1970 - 86400
      else { return nil }
      return path
    }
  }
}
