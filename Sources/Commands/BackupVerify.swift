import Archive
import ArgumentParser
import Backup
import BlobStore
import Foundation
import GoudCore
import Repository
import VolumeSnapshot
import Volumes

/// `goud backup verify`
struct BackupVerify: ParsableCommand {
  enum Level: String, ExpressibleByArgument, CaseIterable {
    case checksums, database, chain

    var proof: BackupVerification.Level {
      switch self {
      case .checksums: .checksums
      case .database: .database
      case .chain: .chain
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Re-read a backup and prove it.",
    discussion: """
      checksums: every byte against every checksum. database: also unpacks it beside the archive, opens each database \
      and checks every block of every table; needs room for the unpacked volumes. chain: also walks the chain of each \
      ledger: hashes, signatures, continuity, indexes, head. Exit status 12 names the height and the rule.
      """)

  @Argument(help: "An archive, or the name of one in BACKUP_DIR, or in the bucket; with --repo an id, or latest.")
  var file: String
  @Option(help: "checksums, database or chain.") var level = Level.checksums
  @Flag(help: "Go on without the .sha256 beside the archive; still compares every checksum there is.")
  var allowUnverified = false
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var repository: RepositoryOptions
  @OptionGroup var open: OpenOptions
  @OptionGroup var trust: TrustOptions
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    try repository.refuse([
      (cloud.cloud != nil, "-c"), (open.identity != nil, "--identity"), (allowUnverified, "--allow-unverified"),
      (trust.isGiven, "--trust, --chain and --trust-anything"),
    ])
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    if let repository = try repository.open() { return try verify(repository, configuration) }
    let store = try cloud.store()
    var verification = BackupVerification(
      archive:
        try store == nil ? BackupCatalog(directory: configuration.backupDirectory).find(file) : file)
    verification.store = store
    verification.identity = open.identity
    verification.trust = try trust.required(configuration)
    if store != nil {
      try FileManager.default.createDirectory(
        atPath: configuration.backupDirectory, withIntermediateDirectories: true)
      verification.scratch = configuration.backupDirectory
    }
    verification.level = level.proof
    verification.allowUnverified = allowUnverified
    verification.cancellation = Signals.cancellation
    verification.progress = progress.sink(output)
    let result = try verification.run()
    switch output.format {
    case .json: Output.write(try Output.json(result))
    case .table: Output.write(describe(result))
    }
  }

  private func verify(_ repository: Repository, _ configuration: GoudConfiguration) throws {
    let commit = try CommitHistory(repository).find(file, of: configuration.environment)
    var verification = CommitVerification(commit, in: repository, scratch: configuration.backupDirectory)
    verification.level = level.proof
    verification.cancellation = Signals.cancellation
    verification.progress = progress.sink(output)
    let result = try verification.run()
    switch output.format {
    case .json: Output.write(try Output.json(result))
    case .table:
      var lines = ["\(repository.store.location) \(result.id): whole"]
      lines.append("  \(result.blobs) pieces, \(ByteCount(result.bytes)), each by its MAC and its SHA-256")
      lines += result.tail.map { "  \($0)" } + describe(result.databases, result.ledgers, result.notLedgers)
      Output.write(lines.map(Output.printable).joined(separator: "\n"))
    }
  }

  private func describe(
    _ databases: [ProvenDatabase], _ ledgers: [ProvenLedger]?,
    _ others: [String]?
  ) -> [String] {
    databases.map { "  \($0.path): opens, \($0.tables) tables checked, sequence number \($0.sequence)" }
      + (ledgers ?? []).map {
        "  \($0.path): chain \($0.chain.summary): \($0.blocks) blocks, \($0.entries) entries proven in "
          + "\($0.seconds.inSeconds) (\(Int($0.blocksPerSecond)) blocks/s)"
      } + (others ?? []).map { "  \($0): not a ledger, so no chain to prove" }
  }

  private func describe(_ result: BackupVerification.Result) -> String {
    let report = result.report
    let bytes = report.volumes.values.map { ByteCount($0.bytes) }.sum
    let files = report.volumes.values.map(\.files).reduce(0, +)
    var lines = ["\(report.path): \(report.checksummed ? "whole" : "readable, NOT VERIFIED: checksums are missing")"]
    lines.append("  \(files) files, \(bytes), SHA-256 \(report.sha256)")
    lines.append("  \(result.signature.summary)")
    lines += describe(result.databases, result.ledgers, result.notLedgers)
    for volume in report.metadata?.volumes ?? [] {
      lines += volume.unproven.map { "  \(volume.name): NOT PROVEN when it was made: \($0)" }
      lines += volume.databases.flatMap(\.notes).map { "  \(volume.name): \($0)" }
    }
    return lines.map(Output.printable).joined(separator: "\n")
  }
}
