import Archive
import Foundation
import GoudCore

/// An environment's archives in a directory, as facts for retention. Files of any other name are not looked at.
struct BackupShelf {
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
    guard try FileSystem.status("\(path).sha256") != nil else { return (.broken("its checksum is missing"), volumes) }
    switch record {
    case .some(let record) where !record.passed: return (.broken("found damaged"), volumes)
    case .some(let record): return (.verified(proven: record.proven), volumes)
    case .none: return (.unverified, volumes)
    }
  }

  private func named(_ path: String) -> [String] {
    (try? ArchiveReader.metadata(of: path).volumes.map(\.name)) ?? []
  }

  /// Checksums and records whose archive is gone: of a prune that was killed, or of a backup killed just before it was
  /// published. Younger than a day they may belong to a backup that is being published now.
  func orphans(now: Date) throws -> [String] {
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
