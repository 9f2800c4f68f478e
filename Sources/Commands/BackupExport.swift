import Archive
import ArgumentParser
import Backup
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud backup export`
struct BackupExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a backup of a repository as an archive.",
    discussion: "The backup as it was made, without what its tail adds. The archive is read back before it counts.")

  @Argument(help: "The id of a backup or of a snapshot, or latest.") var backup: String
  @OptionGroup var place: RepositoryPlace
  @Option(name: [.customShort("d"), .long], help: "Where the archive goes. Default: BACKUP_DIR.") var directory: String?
  @Option(help: "gzip, pigz (parallel gzip, the same), zstd or none. Default: BACKUP_COMPRESSION.")
  var compression: String?
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    flags[.backupCompression] = compression
    let configuration = try GoudConfiguration.load(flags: flags)
    let repository = try place.open(configuration)
    let commit = try CommitHistory(repository).find(backup, of: configuration.environment)
    var export = CommitExport(
      commit, in: repository, to: configuration.backupDirectory, compression: configuration.backupCompression)
    export.cancellation = Signals.cancellation
    export.progress = progress.sink(output)
    let report = try export.run()
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table: Output.write(Output.printable(report.path) + "\nSHA-256 \(report.sha256)")
    }
  }
}
