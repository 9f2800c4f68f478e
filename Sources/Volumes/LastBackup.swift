import Archive
import Foundation
import GoudCore

/// The newest backup of a volume in the backup directory.
public struct LastBackup: Sendable, Codable, Equatable {
  /// Absolute.
  public let archive: String
  /// When its snapshot was taken.
  public let timestamp: Date
  /// What could not be proven when it was made; empty for a proven one.
  public let unproven: [String]

  public init(archive: String, timestamp: Date, unproven: [String] = []) {
    self.archive = archive
    self.timestamp = timestamp
    self.unproven = unproven
  }

  /// Reads the metadata of the environment's archives, newest first, until one names the volume. An archive whose
  /// metadata cannot be read, or that has no `.sha256` beside it, is no backup.
  /// - Parameter metadata: of the archive at a path.
  public static func find(
    of volume: String, environment: String, in directory: String, metadata: (String) throws -> BackupMetadata
  ) throws -> LastBackup? {
    guard try FileSystem.status(directory) != nil else { return nil }
    for path in try archives(of: environment, in: directory) {
      guard let found = try? metadata(path), found.environment == environment,
        let part = found.volumes.first(where: { $0.name == volume })
      else { continue }
      return LastBackup(archive: path, timestamp: found.timestamp, unproven: part.unproven)
    }
    return nil
  }

  /// Newest first, by the time in the name: `goud-chain-backup-<environment>-<yyyyMMdd-HHmmss>.tar[.gz|.zst]`.
  private static func archives(of environment: String, in directory: String) throws -> [String] {
    let prefix = "goud-chain-backup-\(environment)-"
    let names = try FileSystem.names(in: directory)
    let checksums = Set(names.filter { $0.hasSuffix(".sha256") })
    return names.compactMap { name -> (time: String, name: String)? in
      guard name.hasPrefix(prefix), checksums.contains("\(name).sha256"), let dot = name.firstIndex(of: "."),
        Compression.allCases.contains(where: { $0.fileExtension == name[dot...] })
      else { return nil }
      return (String(name[..<dot].suffix(15)), name)
    }.sorted { ($0.time, $0.name) > ($1.time, $1.name) }.map { "\(directory)/\($0.name)" }
  }
}
