import Archive
import ArgumentParser
import Backup
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud backup import`
struct BackupImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Bring an archive into a repository.",
    discussion: """
      The archive is unpacked into BACKUP_DIR, its databases are proven, and it is stored under the moment at which it was \
      made. What the repository has already costs nothing.
      """)

  @Argument(help: "An archive, or the name of one in BACKUP_DIR.") var file: String
  @OptionGroup var place: RepositoryPlace
  @Option(name: [.customShort("d"), .long], help: "Where it is unpacked meanwhile. Default: BACKUP_DIR.")
  var directory: String?
  @OptionGroup var trust: TrustOptions
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    let configuration = try GoudConfiguration.load(flags: flags)
    let repository = try place.open(configuration)
    let archive = try BackupCatalog(directory: configuration.backupDirectory).find(file)
    var run = ArchiveImport(
      archive, into: repository, scratch: configuration.backupDirectory, toolVersion: Release.version)
    run.trust = try trust.required(configuration)
    run.cancellation = Signals.cancellation
    run.progress = progress.sink(output)
    let result = try run.run()
    switch output.format {
    case .json: Output.write(try Output.json(result))
    case .table: Output.write(result.summary)
    }
    try result.refuseLeftLock()
  }
}
