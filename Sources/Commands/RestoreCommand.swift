import Archive
import ArgumentParser
import Backup
import BlobStore
import Foundation
import GoudCore
import Repository
import Restore
import Runtime
import Volumes

/// `goud restore`
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Put a backup in place, or put back what a restore replaced.",
    discussion: """
      Builds the volumes beside the present ones, checks every byte and every database, and only then exchanges them. \
      What was replaced is kept as a safety copy. A restore that was interrupted is finished or rolled back first.

      The chain of a node is proven block by block. When every node of the network is restored in one run, all of them \
      begin anew from one head; otherwise those that are restored rejoin the others, and count for nothing before they \
      have caught up.
      """)

  @Argument(
    help: """
      An archive, the name of one in BACKUP_DIR or in the bucket, or latest: the newest whole one of the environment; with \
      --repo the id of a backup or of a snapshot, by default latest; with --rollback or --settle a volume: NAME or PATH.
      """)
  var file: String?
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var repository: RepositoryOptions
  @Option(help: "With --repo: nothing that was written later, as in 2026-11-30T12:00:00Z.")
  var at: String?
  @Flag(
    help: "With --repo: tables that are in place and have the same bytes are neither fetched nor written.")
  var delta = false
  @OptionGroup var open: OpenOptions
  @OptionGroup var trust: TrustOptions
  @OptionGroup var scope: EnvironmentOptions
  @Option(help: "Restore only this volume of the backup.") var volume: String?
  @Option(help: "Put the volume at this path instead of among the environment's.") var to: String?
  @Flag(help: "Put back the newest safety copy: of one volume, or of all that the last restore replaced.")
  var rollback = false
  @Flag(help: "Only finish or roll back what an interrupted restore left: of one volume, or of all.")
  var settle = false
  @Flag(help: "Show what would be done, and touch nothing.") var dryRun = false
  @Flag(help: "Do not ask.") var yes = false
  @Flag(help: "Go on without the checksums; still compares every one there is.") var allowUnverified = false
  @Flag(help: "Also put in place what the linked RocksDB cannot open or prove.") var unproven = false
  @Flag(help: "Also replace a volume that holds another database; it is kept as a safety copy.")
  var replaceForeign = false
  @Flag(help: "Also replace a volume that belongs to another chain; it is kept as a safety copy.")
  var replaceChain = false
  @Flag(
    help: "Also restore what gives powers: set-id bits, and attributes other than user.* and POSIX ACLs.")
  var restorePrivileges = false
  @Option(help: "Cut the chain above this block; only for a whole network.") var height: UInt64?
  @Flag(help: "Let most of the nodes begin anew without the others, which are then set apart.")
  var newBeginning = false
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    try repository.refuse([
      (cloud.cloud != nil, "-c"), (open.identity != nil, "--identity"), (!trust.keys.trust.isEmpty, "--trust"),
      (allowUnverified, "--allow-unverified"), (rollback, "--rollback"), (settle, "--settle"),
    ])
    if delta && repository.repo == nil { throw ValidationError("--delta is for --repo") }
    if let at {
      if repository.repo == nil { throw ValidationError("--at is for --repo") }
      if (try? Date(at, strategy: .iso8601)) == nil {
        throw ValidationError("--at is a moment, as in 2026-11-30T12:00:00Z")
      }
    }
    guard rollback || settle else {
      if file == nil, repository.repo == nil { throw ValidationError("name a backup, or pass --rollback") }
      return
    }
    if cloud.cloud != nil { throw ValidationError("-c is for restoring a backup") }
    if trust.isGiven {
      throw ValidationError("--trust, --chain and --trust-anything are for restoring a backup")
    }
    if height != nil || newBeginning || replaceChain {
      throw ValidationError("--height, --new-beginning and --replace-chain are for restoring a backup")
    }
    if rollback && settle { throw ValidationError("--rollback settles first by itself; leave --settle out") }
    if volume != nil || to != nil {
      throw ValidationError("name the volume as the argument, not with --volume or --to")
    }
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    if to == nil {
      try configuration.enterVolumes(restores: true, creates: !dryRun && !settle && !rollback)
      try DockerVolumes(configuration)?.refresh()
    }
    if settle { return try settle(configuration) }
    try rollback ? rollBack(configuration) : restore(configuration)
  }

  private func settle(_ configuration: GoudConfiguration) throws {
    let places =
      try file.map { [try VolumePlace(try path(of: $0, configuration))] }
      ?? PendingRestore.places(in: configuration.volumesDirectory)
    if dryRun {
      return try show(places.flatMap { try PendingRestore.find(at: $0) }.map { "\($0.outcome.rawValue): \($0.backup)" })
    }
    let settlement = PendingRestore.settle(places)
    if settlement.failures.isEmpty || !settlement.settled.isEmpty { try show(settlement.settled.map(\.summary)) }
    try settlement.check()
  }

  private func show(_ summaries: [String]) throws {
    switch output.format {
    case .json: Output.write(try Output.json(summaries))
    case .table where summaries.isEmpty: Output.note("nothing was left unfinished")
    case .table: Output.write(Output.printable(lines: summaries))
    }
  }

  private func restore(_ configuration: GoudConfiguration) throws {
    if let repository = try repository.open() {
      return try restore(stored(repository, configuration), in: configuration)
    }
    let trust = try trust.required(configuration)
    let (path, bytes) = try archive(configuration, trust)
    let source = try RestoreSource.archive(
      path, bytes: bytes, trust: trust, identity: open.identity, allowUnverified: allowUnverified,
      restorePrivileges: restorePrivileges, cancellation: Signals.cancellation, progress: progress.sink(output))
    try restore(source, in: configuration)
  }

  /// The newest backup that was made before the moment asked for, and its tail up to there.
  private func stored(_ repository: Repository, _ configuration: GoudConfiguration) throws -> RestoreSource {
    let moment = try at.map { try Date($0, strategy: .iso8601) }
    let history = CommitHistory(repository)
    let name = file ?? "latest"
    let all = name == "latest" ? try history.list() : []
    let commit =
      if name == "latest", let height {
        try history.find(height: Int64(clamping: height), of: configuration.environment, upTo: moment, among: all)
      } else if name == "latest" {
        try history.furthest(of: configuration.environment, upTo: moment, among: all)
      } else {
        try history.find(name, of: configuration.environment, upTo: moment)
      }
    if moment == nil {
      for ahead in CommitHistory.ahead(of: configuration.environment, among: all) {
        Output.note(Output.printable("passed over \(ahead.id) of \(ahead.taken.rfc3339): it is later than now"))
      }
    }
    let tail = try history.tail(of: commit, upTo: moment)
    let source = try RestoreSource.repository(
      commit, tail, in: repository, chain: trust.chain, restorePrivileges: restorePrivileges,
      present: try delta ? present(commit, configuration) : [:])
    Output.note(Output.printable("backup \(commit.id), taken \(commit.taken.rfc3339)"))
    for note in tail.notes { Output.note(Output.printable(note)) }
    return source
  }

  /// Where the volumes of a backup lie now, and what restores replaced of them.
  private func present(_ commit: Commit, _ configuration: GoudConfiguration) throws -> [String: [String]] {
    try Dictionary(
      uniqueKeysWithValues: commit.members.map { member in
        let path = to ?? "\(configuration.volumesDirectory)/\(member.volume)"
        return (member.volume, [path] + (try SafetyCopy.all(of: VolumePlace(path)).map(\.path)))
      })
  }

  private func restore(_ source: RestoreSource, in configuration: GoudConfiguration) throws {
    guard to == nil, let volumes = try DockerVolumes(try own(source, configuration)) else {
      return try restore(source, configuration)
    }
    try volumes.refuseForeignUsers()
    try volumes.refuseAbsent(volume.map { ["\($0)_data", $0] })
    let made = try volumes.refresh(creating: !dryRun)
    do {
      try restore(source, configuration)
    } catch {
      try? volumes.discard(made)
      throw error
    }
  }

  private func restore(_ source: RestoreSource, _ configuration: GoudConfiguration) throws {
    var restore = Restore(try request(source, configuration), from: source)
    restore.cancellation = Signals.cancellation
    restore.progress = progress.sink(output)
    restore.runner = try to == nil ? ManagedNodes(restored(source, configuration)) : nil
    if dryRun { return try show(RestorePlanText(try restore.plan())) }
    try show(try restore.run { try confirm(RestorePlanText($0)) })
  }

  private func archive(
    _ configuration: GoudConfiguration, _ trust: ArchiveTrust
  ) throws -> (String, (any ArchiveBytes)?) {
    guard let store = try cloud.store() else {
      let catalog = BackupCatalog(directory: configuration.backupDirectory, trusting: trust.keys)
      return (try catalog.find(try name(configuration, trust, in: configuration.backupDirectory, catalog.list)), nil)
    }
    let stored = StoredBackups(store, trusting: trust.keys)
    return try stored.find(try name(configuration, trust, in: store.location, stored.list), whole: true)
  }

  private func name(
    _ configuration: GoudConfiguration, _ trust: ArchiveTrust, in place: String,
    _ list: () throws -> [BackupCatalog.Backup]
  ) throws -> String {
    guard let file, file == "latest" else { return file ?? "" }
    let environment = configuration.environment
    var states: Set<BackupCatalog.Backup.State> = [.complete]
    if open.identity != nil { states.insert(.sealed) }
    if unproven { states.insert(.unproven) }
    let all = try list()
    let ofChain = all.filter { backup in
      guard let chain = trust.chain, let metadata = backup.metadata else { return true }
      let held = metadata.volumes.compactMap(\.chain?.id)
      if held.contains(chain) { return true }
      Output.note(Output.printable("passed over \(backup.path): it holds \(held.isEmpty ? "no" : "another") chain"))
      return false
    }
    let points = RecoveryPoints(ofChain, of: environment, counting: states)
    for backup in points.ahead {
      Output.note(Output.printable("passed over \(backup.path): it is later than now"))
    }
    for backup in points.passedOver {
      Output.note(Output.printable("passed over \(backup.path): \(backup.state.rawValue)"))
    }
    guard let newest = points.newest(of: open.identity == nil ? volume : nil) else {
      throw GoudError(
        .archiveNotFound, "there is no whole backup of \(volume ?? environment) in \(place)",
        hint: points.ahead.isEmpty
          ? "goud backup list shows what there is; --env names another environment"
          : "set the clock, or name one that is later than now: goud backup list")
    }
    return FileSystem.name(of: newest.path)
  }

  /// The network whose volumes are replaced.
  private func restored(_ source: RestoreSource, _ configuration: GoudConfiguration) throws -> NetworkContext {
    try NetworkContext(try own(source, configuration))
  }

  /// Without `--env`, the volumes go where the backup's own environment keeps them.
  private func request(_ source: RestoreSource, _ configuration: GoudConfiguration) throws -> RestoreRequest {
    var request: RestoreRequest
    if let to {
      request = RestoreRequest(target: .path(to), environment: scope.environment, volume: volume)
    } else {
      request = RestoreRequest(
        target: .directory(try own(source, configuration).volumesDirectory), environment: scope.environment,
        volume: volume)
    }
    request.allowUnproven = unproven
    request.replaceForeign = replaceForeign
    request.replaceChain = replaceChain
    request.height = height
    request.newBeginning = newBeginning
    return request
  }

  private func own(_ source: RestoreSource, _ configuration: GoudConfiguration) throws -> GoudConfiguration {
    guard let environment = source.environment, environment != configuration.environment, scope.environment == nil
    else { return configuration }
    return try GoudConfiguration.load(flags: [.environment: environment])
  }

  private func rollBack(_ configuration: GoudConfiguration) throws {
    let target: Rollback.Target =
      try file.map { .volume(path: try path(of: $0, configuration)) }
      ?? .newest(directory: configuration.volumesDirectory)
    var rollback = Rollback(target)
    rollback.allowUnproven = unproven
    if dryRun { return try show(RestorePlanText(try rollback.plan())) }
    try show(try rollback.run { try confirm(RestorePlanText($0)) })
  }

  /// `node1`, `node1_data` or a path; the volume itself need not be there any more.
  private func path(of text: String, _ configuration: GoudConfiguration) throws -> String {
    guard !text.contains("/") else { return text }
    let paths = ["", "_data"].map { "\(configuration.volumesDirectory)/\(text)\($0)" }
    return try paths.first { try FileSystem.status($0) != nil || !SafetyCopy.all(of: VolumePlace($0)).isEmpty }
      ?? paths[0]
  }

  private func confirm(_ plan: RestorePlanText) throws { try Confirmation.ask(plan.lines, yes: yes) }

  private func show(_ plan: RestorePlanText) throws {
    switch output.format {
    case .json: Output.write(try Output.json(plan))
    case .table: Output.write(Output.printable(lines: plan.lines))
    }
  }

  private func show(_ report: RestoreReport) throws {
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table:
      var lines = report.settled.map { "\($0), which had been interrupted" }
      lines.append("\(report.backup) is in place")
      lines += [report.signature].compactMap { $0 }.map { "  \($0.summary)" }
      lines += report.volumes.map {
        let kept = $0.safetyCopy.map { "; replaced data kept at \($0)" } ?? ""
        let chain = $0.chain.map { ", block \($0.height) (\($0.head.prefix(12)))" } ?? ""
        let standing = $0.standing.map { ", \($0 == "member" ? "member of a new beginning" : $0)" } ?? ""
        return "  \($0.name): \($0.path)\(chain)\(standing)\(kept)"
      }
      lines += report.notes.map { "  NOT PROVEN: \($0)" }
      lines += report.warnings.map { "  not restored: \($0)" }
      if report.volumes.contains(where: { $0.safetyCopy != nil }) { lines.append("undo with: goud restore --rollback") }
      Output.write(Output.printable(lines: lines))
    }
  }
}
