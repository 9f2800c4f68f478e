import Archive
import Backup
import Foundation
import GoudCore
import Layout
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Archives in a directory.
struct BackupShelf: Shelf {
  let directory: String
  let environment: String
  var trust = ArchiveTrust.anything

  func archives() throws -> [BackupFacts] {
    try names().compactMap { name in
      guard let known = BackupName(file: name), known.environment == environment else { return nil }
      return BackupFacts(
        path: "\(directory)/\(name)", environment: environment, taken: known.moment, bytes: .zero, state: .unverified,
        contents: .untold("nobody has looked yet"))
    }
  }

  private func names() throws -> [String] {
    try FileSystem.status(directory) == nil ? [] : FileSystem.knownNames(in: directory)
  }

  func look(_ archive: BackupFacts) throws -> BackupFacts {
    var facts = archive
    guard let status = try FileSystem.status(facts.path), status.isRegular else {
      facts.contents = .untold("it is not a file")
      return facts.broken("not a file")
    }
    facts.bytes = ByteCount(Int64(status.st_size))
    return try facts.described(
      try VerificationRecord.read(of: facts.path),
      hasChecksum: try FileSystem.status(BackupName.checksum(of: facts.path)) != nil
    ) {
      try ArchiveReader.metadata(of: facts.path)
    }.unlessUntrusted(trust) { try ArchiveReader.bytes(of: facts.path) }
  }

  func read(_ archive: BackupFacts, _ request: PruneRequest) throws -> Reading {
    var options = ArchiveReadOptions()
    options.fromDevice = true
    if !trust.asksForNothing {
      options.checksum = try trust.require(archive.path, ArchiveReader.bytes(of: archive.path)).checksum
    }
    options.cancellation = request.cancellation
    options.progress = request.progress
    return try archive.read(options) { try VerificationRecord.read(of: archive.path) }
  }

  func note(_ finding: VerificationRecord.Finding, of archive: String, now: Date) throws {
    try VerificationRecord.write(finding, of: archive, now: now)
  }

  func delete(_ archive: String) throws {
    for path in [archive] + BackupName.companions(of: archive) {
      try remove(path)
      KillPoint.reached("prune.deleted")
    }
  }

  private func remove(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else { throw GoudError.system("delete", path) }
    try FileSystem.synchronize(directory: directory)
  }

  func orphans(now: Date) throws -> [String] {
    let names = Set(try names())
    return try names.sorted().compactMap { name in
      guard let archive = BackupName.archive(of: name), BackupName(file: archive)?.environment == environment,
        !names.contains(archive), let status = try FileSystem.status("\(directory)/\(name)"), status.isRegular,
        Double(status.st_mtim.tv_sec) < now.timeIntervalSince1970 - 86400
      else { return nil }
      return "\(directory)/\(name)"
    }
  }

  func removeOrphan(_ path: String) throws { try remove(path) }

}

extension FileSystem {
  /// What the clock says that gives files in a directory their times: on a network another machine's. It makes a file
  /// without a name; a file system that cannot is not asked.
  static func clock(of directory: String) -> Date? {
    let temporary = 0o20000000 | O_DIRECTORY  // O_TMPFILE
    let file = open(directory, temporary | O_RDWR | O_CLOEXEC, 0o600)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var status = stat()
    guard write(file, "t", 1) == 1, fstat(file, &status) == 0 else { return nil }
    return Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec))
  }
}
