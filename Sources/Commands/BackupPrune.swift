import ArgumentParser
import Foundation
import GoudCore
import Retention
import Volumes

/// `goud backup prune`
struct BackupPrune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Delete expired backups and safety copies of an environment.",
    discussion: """
      A backup goes when it is older than BACKUP_RETENTION_DAYS and everything in it is also in a newer backup that was \
      verified. Safety copies go after SAFETY_COPY_RETENTION_DAYS.
      """)

  @Option(name: [.customShort("d"), .long], help: "Default: BACKUP_DIR.") var directory: String?
  @OptionGroup var cloud: CloudOptions
  @Flag(help: "Show what would be deleted, and touch nothing.") var dryRun = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    if directory != nil && cloud.cloud != nil { throw ValidationError("-d and -c exclude each other here") }
  }

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    var request = PruneRequest(try GoudConfiguration.load(flags: flags))
    request.store = try cloud.store()
    request.dryRun = dryRun
    request.cancellation = Signals.cancellation
    request.progress = progress.sink(output)
    let report = try Prune(request).run()
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table: Output.write(describe(report))
    }
  }

  private func describe(_ report: PruneReport) -> String {
    let items = report.backups + report.safetyCopies
    guard !items.isEmpty else { return "nothing to prune" }
    let word = report.dryRun ? "would delete" : "deleted"
    return Output.table(
      ["", "taken", "size", "why", "path"],
      items.map { item in
        [
          item.deleted ? word : "keep", item.taken.rfc3339, item.bytes > .zero ? item.bytes.description : "",
          item.reason, item.path,
        ]
      })
  }
}

extension PruneRequest {
  init(_ configuration: GoudConfiguration) {
    self.init(
      environment: configuration.environment, backups: configuration.backupDirectory,
      volumes: configuration.volumesDirectory, backupDays: configuration.backupRetentionDays,
      safetyCopyDays: configuration.safetyCopyRetentionDays)
  }
}
