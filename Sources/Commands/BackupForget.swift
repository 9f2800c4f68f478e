import ArgumentParser
import Foundation
import GoudCore
import Repository
import Retention
import Volumes

/// `goud backup forget`
struct BackupForget: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Thin the backups of an environment in a repository.",
    discussion: """
      Keeps the newest backup of each of so many minutes, hours, days and months, for each volume. The newest proven one \
      of what a volume holds is kept whatever else is said, and nothing goes while a backup is there whose height or size \
      fell against the one before it. Without any --keep, 60 minutes, 24 hours, 30 days and 12 months.
      """)

  @OptionGroup var place: RepositoryPlace
  @Option(help: "How many of the newest, whenever they were made.") var keepLast = 0
  @Option(help: "For how many minutes.") var keepMinutely = 0
  @Option(help: "For how many hours.") var keepHourly = 0
  @Option(help: "For how many days.") var keepDaily = 0
  @Option(help: "For how many months.") var keepMonthly = 0
  @Flag(help: "Also give back the room of what no backup needs any more.") var prune = false
  @Flag(help: "A backup whose height or size fell is right as it is.") var confirm = false
  @Flag(help: "Show what would be deleted, and touch nothing.") var dryRun = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  private var policy: KeepPolicy {
    let asked = KeepPolicy(
      last: keepLast, minutely: keepMinutely, hourly: keepHourly, daily: keepDaily, monthly: keepMonthly)
    return asked.isEmpty ? .usual : asked
  }

  func validate() throws {
    let counts = [keepLast, keepMinutely, keepHourly, keepDaily, keepMonthly]
    guard counts.allSatisfy({ (0...1_000_000).contains($0) }) else {
      throw ValidationError("--keep-… takes a number from 0 to 1000000")
    }
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    var request = ForgetRequest(
      try place.open(configuration), environment: configuration.environment, policy: policy)
    request.prunes = prune
    request.dryRun = dryRun
    request.confirmed = confirm
    request.cancellation = Signals.cancellation
    request.progress = progress.sink(output)
    let report = try Forget(request).run()
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table: Output.write(describe(report))
    }
    if let doubt = report.doubt {
      throw GoudError(
        .someFailed, "nothing is deleted: \(doubt)",
        hint: "look at it with goud backup inspect; if it is right: goud backup forget --confirm")
    }
  }

  private func describe(_ report: ForgetReport) -> String {
    guard !report.items.isEmpty else { return "no backups" }
    let table = Output.table(
      ["", "taken", "volume", "height", "size", "why", "backup", "snapshot"],
      report.items.map { item in
        [
          item.reasons.isEmpty ? (item.deleted ? "deleted" : report.dryRun ? "would delete" : "stays") : "keep",
          item.taken.rfc3339, item.volume, item.height.map { "\($0)" } ?? "-", ByteCount(item.bytes).description,
          item.reasons.joined(separator: ", "), item.id, String(item.snapshot.prefix(8)),
        ]
      })
    return ([table] + (report.pruned.map { [$0.summary] } ?? [])).joined(separator: "\n")
  }
}
