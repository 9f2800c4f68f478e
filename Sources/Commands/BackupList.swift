import Archive
import ArgumentParser
import Foundation
import GoudCore
import Recovery
import Volumes

/// `goud backup list`
struct BackupList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the backups in a directory, newest first.")

  @Option(name: [.customShort("d"), .long], help: "Default: BACKUP_DIR.") var directory: String?
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    let configuration = try GoudConfiguration.load(flags: flags)
    let backups = try BackupCatalog(configuration).list()
    switch output.format {
    case .json: Output.write(try Output.json(backups))
    case .table where backups.isEmpty: Output.note("no backups in \(configuration.backupDirectory)")
    case .table:
      Output.write(
        Output.table(
          ["taken", "environment", "volumes", "size", "state", "verified", "file"],
          backups.map { backup in
            [
              backup.metadata?.timestamp.rfc3339 ?? "?", backup.metadata?.environment ?? "?",
              backup.metadata?.volumes.map(\.name).joined(separator: " ") ?? "?", ByteCount(backup.bytes).description,
              backup.state.rawValue, backup.verified?.rfc3339 ?? "never", FileSystem.name(of: backup.path),
            ]
          }))
    }
  }
}
