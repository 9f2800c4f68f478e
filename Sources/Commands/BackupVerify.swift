import Archive
import ArgumentParser
import Backup
import Foundation
import GoudCore
import VolumeSnapshot
import Volumes

/// `goud backup verify`
struct BackupVerify: ParsableCommand {
  enum Level: String, ExpressibleByArgument, CaseIterable { case checksums, database, chain }

  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Re-read a backup and prove it.",
    discussion: """
      checksums: every byte against every checksum. database: also unpacks it beside the archive, opens each database \
      and checks every block of every table; needs room for the unpacked volumes. chain: also walks the chain of each \
      ledger: hashes, signatures, continuity, indexes, head. Exit status 12 names the height and the rule.
      """)

  @Argument(help: "An archive, or the name of one in BACKUP_DIR, or in the bucket.") var file: String
  @Option(help: "checksums, database or chain.") var level = Level.checksums
  @Flag(help: "Go on without the .sha256 beside the archive; still compares every checksum there is.")
  var allowUnverified = false
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var open: OpenOptions
  @OptionGroup var trust: TrustOptions
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
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
    verification.level =
      switch level {
      case .checksums: .checksums
      case .database: .database
      case .chain: .chain
      }
    verification.allowUnverified = allowUnverified
    verification.cancellation = Signals.cancellation
    verification.progress = progress.sink(output)
    let result = try verification.run()
    switch output.format {
    case .json: Output.write(try Output.json(result))
    case .table: Output.write(describe(result))
    }
  }

  private func describe(_ result: BackupVerification.Result) -> String {
    let report = result.report
    let bytes = report.volumes.values.map { ByteCount($0.bytes) }.sum
    let files = report.volumes.values.map(\.files).reduce(0, +)
    var lines = ["\(report.path): \(report.checksummed ? "whole" : "readable, NOT VERIFIED: checksums are missing")"]
    lines.append("  \(files) files, \(bytes), SHA-256 \(report.sha256)")
    lines.append("  \(result.signature.summary)")
    for database in result.databases {
      lines.append("  \(database.path): opens, \(database.tables) tables checked, sequence number \(database.sequence)")
    }
    for ledger in result.ledgers ?? [] {
      lines.append(
        "  \(ledger.path): chain \(ledger.chain.summary): \(ledger.blocks) blocks, \(ledger.entries) entries proven in "
          + "\(ledger.seconds.inSeconds) (\(Int(ledger.blocksPerSecond)) blocks/s)")
    }
    lines += (result.notLedgers ?? []).map { "  \($0): not a ledger, so no chain to prove" }
    for volume in report.metadata?.volumes ?? [] {
      lines += volume.unproven.map { "  \(volume.name): NOT PROVEN when it was made: \($0)" }
      lines += volume.databases.flatMap(\.notes).map { "  \(volume.name): \($0)" }
    }
    return lines.map(Output.printable).joined(separator: "\n")
  }
}
