import Archive
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
      A backup goes when it is older than BACKUP_RETENTION_DAYS and each chain and database in it is also in a newer \
      backup, which is read whole first. Safety copies go after SAFETY_COPY_RETENTION_DAYS. A clock that may have jumped \
      deletes nothing until it is confirmed.
      """)

  @Option(name: [.customShort("d"), .long], help: "Default: BACKUP_DIR.") var directory: String?
  @OptionGroup var cloud: CloudOptions
  @Flag(help: "Show what would be deleted, and touch nothing.") var dryRun = false
  @Flag(help: "This machine's clock is right, although it seems to have jumped.") var confirmClock = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    if directory != nil && cloud.cloud != nil { throw ValidationError("-d and -c exclude each other here") }
  }

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    var request = try PruneRequest(try GoudConfiguration.load(flags: flags))
    request.store = try cloud.store()
    request.dryRun = dryRun
    request.clockIsConfirmed = confirmClock
    request.cancellation = Signals.cancellation
    request.progress = progress.sink(output)
    let report = try Prune(request).run()
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table: Output.write(describe(report))
    }
    for note in report.notes { Output.note(Output.printable(note)) }
    try report.refuseProblems()
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
  init(_ configuration: GoudConfiguration) throws {
    self.init(
      environment: configuration.environment, backups: configuration.backupDirectory,
      volumes: configuration.volumesDirectory, backupDays: configuration.backupRetentionDays,
      safetyCopyDays: configuration.safetyCopyRetentionDays)
    trust = ArchiveTrust(keys: try configuration.trustedKeys())
  }
}

extension PruneReport {
  /// What somebody should know, line by line.
  var notes: [String] {
    let items = backups + safetyCopies
    let doubts = [doubt].compactMap { $0 }.filter { _ in items.contains(where: \.stuck) }
    return doubts.map { "nothing is deleted: \($0); if it is right: goud backup prune --confirm-clock" }
      + items.filter { $0.stuck && doubt == nil }.map { "kept \($0.path): \($0.reason)" }
      + problems.map { "\($0.path): \($0.message)" }
  }
}
