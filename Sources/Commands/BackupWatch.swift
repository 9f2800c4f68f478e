import Archive
import ArgumentParser
import Backup
import Foundation
import GoudCore
import Repository
import Retention
import Volumes

/// `goud backup watch`
struct BackupWatch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Back up volumes into a repository all the time.",
    discussion: """
      Makes a backup now and then, and in between stores what is added to the databases' logs, a tick at a time: what could \
      be lost with the whole site is what was written since the last tick. A restore takes the newest backup and all ticks \
      since. Where the logs do not tell all (column families that come or go, tables that are ingested, writes without a \
      log), a backup is made at once. Runs until it is stopped.
      """)

  @Option(
    name: .long, parsing: .singleValue,
    help: "A volume: node1, /a/path or NAME=/a/path; repeat. Default: all of the environment.")
  var volume: [String] = []
  @Option(help: "What the snapshots need meanwhile goes here. Default: BACKUP_DIR.") var directory: String?
  @OptionGroup var place: RepositoryPlace
  @Option(help: "Between two ticks, as in 500ms, 1s, 1m. Default: BACKUP_EVERY.", transform: Span.option)
  var every: Span?
  @Option(help: "Between two backups. Default: BACKUP_COMMIT.", transform: Span.option) var commit: Span?
  @Option(help: ArgumentHelp("End after so many backups.", visibility: .hidden)) var commits: Int?
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    flags[.backupEvery] = every?.description
    flags[.backupCommit] = commit?.description
    let configuration = try GoudConfiguration.load(flags: flags)
    try configuration.enterVolumes()
    let commit = try CommitRequest(configuration, place.open(configuration), volumes: volume)
    var request = WatchRequest(commit)
    (request.every, request.commitEvery) = (configuration.backupEvery, configuration.backupCommit)
    request.home = configuration.environmentHome
    request.givesWay = { configuration.giveWay() }
    request.isWhole = volume.isEmpty
    request.commits = commits
    let format = output.format
    let thinning = Thinning(
      commit.repository, environment: configuration.environment, cancellation: Signals.cancellation)
    request.faulted = { Output.note(Output.printable("data at risk: \($0)")) }
    request.committed = { result in
      switch format {
      case .json: (try? Output.json(line: result)).map(Output.write)
      case .table: Output.write(result.line)
      }
      thinning.committed().map(Output.printable).forEach(Output.note)
    }
    // What a watch that was killed has left would keep this one from forgetting, for ever.
    do {
      for lock in try commit.repository.unlock() {
        Output.note(Output.printable("removed lock \(lock.id.short), which nobody holds any more"))
      }
    } catch let error as GoudError where error.code == .blobDenied {
      Output.note(Output.printable("locks that nobody holds stay: \(error.message)"))
    }
    try Watch(request).run()
  }
}

extension Span {
  static func option(_ text: String) throws -> Span {
    guard let span = Span(text) else { throw ValidationError("'\(text)' is no time: 500ms, 1s, 5m, 1h are") }
    return span
  }
}

extension CommitResult {
  /// For a log.
  var line: String {
    Output.printable(
      "\(metadata.timestamp.rfc3339) backup \(id): \(ByteCount(newBytes)) new, stored in \(ByteCount(storedBytes)), "
        + "\(knownTables) tables known, \((snapshotSeconds + writeSeconds).inSeconds)")
  }
}
