import Archive
import ArgumentParser
import Backup
import BlobStore
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud backup list`
struct BackupList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the backups in a directory, a bucket or a repository, newest first.")

  @Option(name: [.customShort("d"), .long], help: "Default: BACKUP_DIR.") var directory: String?
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var repository: RepositoryOptions
  @OptionGroup var trusted: TrustedKeyOptions
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if directory != nil && cloud.cloud != nil { throw ValidationError("-d and -c exclude each other here") }
    try repository.refuse([(cloud.cloud != nil, "-c"), (directory != nil, "-d")])
  }

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    let configuration = try GoudConfiguration.load(flags: flags)
    if let repository = try repository.open() { return try list(CommitHistory(repository)) }
    let keys = try trusted.keys(configuration)
    let backups =
      try cloud.store().map { try StoredBackups($0, trusting: keys).list() }
      ?? BackupCatalog(directory: configuration.backupDirectory, trusting: keys).list()
    switch output.format {
    case .json: Output.write(try Output.json(backups))
    case .table where backups.isEmpty: Output.note("no backups in \(cloud.cloud ?? configuration.backupDirectory)")
    case .table:
      Output.write(
        Output.table(
          ["taken", "environment", "volumes", "size", "height", "state", "verified", "signed", "file"],
          backups.map { backup in
            [
              backup.taken?.rfc3339 ?? "?", backup.environment ?? "?",
              backup.volumes, ByteCount(backup.bytes).description,
              backup.height.map { "\($0)" } ?? "-", backup.state.rawValue, backup.verified?.rfc3339 ?? "never",
              backup.signature.word,
              FileSystem.name(of: backup.path),
            ]
          }))
    }
  }
}

extension BackupList {
  /// One backup in a repository.
  private struct Row: Encodable {
    struct Volume: Encodable {
      let name: String
      let snapshot: String
      let height: Int64?
      let bytes: Int64
      let proven: Bool
    }

    let id: String
    let environment: String
    let taken: Date
    let volumes: [Volume]

    init(_ commit: Commit) {
      (id, environment, taken) = (commit.id, commit.environment, commit.taken)
      volumes = commit.members.map {
        Volume(name: $0.volume, snapshot: $0.id.hex, height: $0.height, bytes: $0.bytes, proven: $0.isProven)
      }
    }
  }

  private func list(_ history: CommitHistory) throws {
    let rows = try history.list().map(Row.init)
    switch output.format {
    case .json: Output.write(try Output.json(rows))
    case .table where rows.isEmpty: Output.note("no backups in \(history.repository.store.location)")
    case .table:
      Output.write(
        Output.table(
          ["taken", "environment", "volumes", "size", "height", "state", "id", "snapshots"],
          rows.map { row in
            [
              row.taken.rfc3339, row.environment, row.volumes.map(\.name).joined(separator: " "),
              row.volumes.map { ByteCount($0.bytes) }.sum.description,
              row.volumes.compactMap(\.height).max().map { "\($0)" } ?? "-",
              row.volumes.allSatisfy(\.proven) ? "proven" : "unproven", row.id,
              row.volumes.map { String($0.snapshot.prefix(8)) }.joined(separator: " "),
            ]
          }))
    }
  }
}

extension ArchiveSignature {
  /// For a table: the key's id, and whether it counts here.
  fileprivate var word: String {
    switch state {
    case .none: "no"
    case .unknown: "\(key ?? "?")?"
    case .trusted: key ?? "?"
    case .invalid: "NOT GOOD"
    }
  }
}

extension BackupCatalog.Backup {
  /// Of the longest chain in it; nil when it holds none.
  fileprivate var height: Int64? { metadata?.volumes.compactMap { $0.chain?.height }.max() }

  fileprivate var volumes: String {
    guard let metadata else { return "?" }
    let without = (metadata.leftOut ?? []).map(\.volume)
    return metadata.volumes.map { $0.name + $0.shortcomings }.joined(separator: " ")
      + (without.isEmpty ? "" : " (without \(without.joined(separator: " ")))")
  }
}

extension BackupMetadata.Volume {
  /// ` (2 restless, 1 not stored)`; empty when all is well.
  fileprivate var shortcomings: String {
    let counts = [(restless?.count ?? 0, "restless"), (omitted?.count ?? 0, "not stored")].filter { $0.0 > 0 }
    return counts.isEmpty ? "" : " (\(counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")))"
  }
}
