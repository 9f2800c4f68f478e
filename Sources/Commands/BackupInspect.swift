import Archive
import ArgumentParser
import Backup
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud backup inspect`
struct BackupInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show what a backup says it holds; reads only its first kilobytes.")

  @Argument(help: "An archive, or the name of one in BACKUP_DIR, or in the bucket; with --repo an id, or latest.")
  var file: String
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var repository: RepositoryOptions
  @OptionGroup var open: OpenOptions
  @OptionGroup var trusted: TrustedKeyOptions
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try repository.refuse([(cloud.cloud != nil, "-c"), (open.identity != nil, "--identity")])
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    if let repository = try repository.open() { return try inspect(repository, configuration) }
    let (path, bytes) =
      try cloud.store().map { try StoredBackups($0).find(file, whole: false) }.map { ($0.path, Optional($0.bytes)) }
      ?? (try BackupCatalog(directory: configuration.backupDirectory).find(file), nil)
    let metadata = try BackupCatalog.metadata(of: path, bytes: bytes, identity: open.identity)
    let beside = try bytes ?? ArchiveReader.bytes(of: path)
    let signature = ArchiveSignature(
      of: path, checksum: try beside.checksum(), signature: try beside.signature(),
      keys: try trusted.keys(configuration))
    switch output.format {
    case .json: Output.write(try Output.json(Inspection(metadata: metadata, signature: signature)))
    case .table: Output.write(describe(metadata, signature))
    }
  }

  /// The metadata, and beside its fields `signature`.
  private struct Inspection: Encodable {
    let metadata: BackupMetadata
    let signature: ArchiveSignature

    private enum CodingKeys: CodingKey { case signature }

    func encode(to encoder: any Encoder) throws {
      try metadata.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(signature, forKey: .signature)
    }
  }

  /// The metadata of all volumes together, and what the tail adds.
  private struct CommitInspection: Encodable {
    let metadata: BackupMetadata
    let id: String
    let tail: [String]

    private enum CodingKeys: CodingKey { case id, tail }

    func encode(to encoder: any Encoder) throws {
      try metadata.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(id, forKey: .id)
      try container.encode(tail, forKey: .tail)
    }
  }

  private func inspect(_ repository: Repository, _ configuration: GoudConfiguration) throws {
    let commit = try CommitHistory(repository).find(file, of: configuration.environment)
    let index = try repository.loadIndex()
    let contents = try commit.members.map { try CommitContents($0, in: repository, index) }
    var metadata = contents[0].metadata
    metadata.volumes = contents.flatMap(\.metadata.volumes)
    let tail = try CommitTail(commit, in: repository).notes
    switch output.format {
    case .json: Output.write(try Output.json(CommitInspection(metadata: metadata, id: commit.id, tail: tail)))
    case .table:
      Output.write(
        Output.table(["field", "value"], rows(metadata, [["id", commit.id]]) + tail.map { ["tail", $0] }))
    }
  }

  private func describe(_ metadata: BackupMetadata, _ signature: ArchiveSignature) -> String {
    Output.table(["field", "value"], rows(metadata, [["signature", signature.summary]]))
  }

  private func rows(_ metadata: BackupMetadata, _ further: [[String]]) -> [[String]] {
    var rows =
      [
        ["name", metadata.name], ["environment", metadata.environment], ["taken", metadata.timestamp.rfc3339],
        ["host", metadata.host], ["written by", "goud \(metadata.toolVersion), format \(metadata.formatVersion)"],
      ] + further
    for volume in metadata.volumes {
      rows.append(["volume", "\(volume.name): \(volume.contents)"])
      if let chain = volume.chain { rows += describe(chain) }
      for database in volume.databases { rows += describe(database) }
      rows += (volume.others ?? []).map { ["  stored as files", "\($0.path): \($0.what)"] }
      rows += volume.remarks.map { ["  \($0.0)", $0.1] }
      rows += volume.unproven.map { ["  NOT PROVEN", $0] }
    }
    rows += (metadata.leftOut ?? []).map { ["LEFT OUT", "\($0.volume): \($0.reason)"] }
    return rows
  }

  private func describe(_ chain: BackupMetadata.Chain) -> [[String]] {
    [
      ["  chain", "\(chain.id), schema version \(chain.schemaVersion)"],
      ["  network", "\(chain.network): \(chain.validators.joined(separator: ", "))"],
      ["  head", "block \(chain.height), \(chain.head)"], ["  acknowledged", "to block \(chain.acknowledged)"],
    ]
  }

  private func describe(_ database: BackupMetadata.Database) -> [[String]] {
    [
      ["  database", "\(database.path), identity \(database.identity.isEmpty ? "none" : database.identity)"],
      ["  sequence number", "\(database.sequence)"],
      ["  column families", database.columnFamilies.joined(separator: ", ")],
      ["  keys", "about \(database.estimatedKeys) (RocksDB's estimate)"],
      ["  options", database.optionsFile ?? "none"],
      ["  RocksDB", "written by \(database.writtenBy ?? "unknown"), proven by \(database.provenBy ?? "none")"],
    ] + database.notes.map { ["  order of keys", $0] }
  }
}

extension Date {
  /// `2026-11-23T12:00:00Z`
  var rfc3339: String { ISO8601DateFormatter().string(from: self) }
}
