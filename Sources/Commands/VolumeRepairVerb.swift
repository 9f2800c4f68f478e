import ArgumentParser
import Backup
import Foundation
import GoudCore
import Restore
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// `goud volume repair`
struct VolumeRepairVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair", abstract: "Rebuild a node's damaged or lost volume, from its peers or a backup.",
    discussion: """
      What is left of the volume is kept as a safety copy, and the node's key and secrets are carried over. The rebuilt \
      node rejoins the network, and counts for nothing before it has caught up. Without --from, the way that is estimated \
      to be faster is taken.
      """)

  @Argument(help: "The node: node2.") var node: String
  @Option(help: "peers, or an archive, or the name of one in BACKUP_DIR.") var from: String?
  @Flag(help: "Show what would be done, and change nothing.") var dryRun = false
  @Flag(help: "Do not ask.") var yes = false
  @Flag(help: "Also when the volume that is there belongs to another chain; it is kept as a safety copy.")
  var replaceChain = false
  @OptionGroup var trust: TrustOptions
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    guard !node.isEmpty, !node.contains("/"), !node.hasPrefix(".") else {
      throw ValidationError("name a node: node2")
    }
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    var repair = VolumeRepair(
      configuration, node: node, from: try source(configuration),
      trust: try trust.required(configuration))
    repair.replaceChain = replaceChain
    repair.cancellation = Signals.cancellation
    repair.progress = progress.sink(output)
    repair.runner = ManagedNodes(try NetworkContext(configuration))
    if dryRun { return try show(try repair.plan()) { Self.lines($0) } }
    try show(try repair.run { try Confirmation.ask(Self.lines($0), yes: yes) }) { Self.lines($0) }
  }

  private func source(_ configuration: GoudConfiguration) throws -> VolumeRepair.Source {
    guard let from else { return .faster }
    return from == "peers" ? .peers : .backup(try BackupCatalog(directory: configuration.backupDirectory).find(from))
  }

  private func show<Value: Encodable>(_ value: Value, _ lines: (Value) -> [String]) throws {
    switch output.format {
    case .json: Output.write(try Output.json(value))
    case .table: Output.write(Output.printable(lines: lines(value)))
    }
  }

  private static func lines(_ plan: RepairPlan) -> [String] {
    var lines = ["rebuild \(plan.path) from \(plan.backup ?? "its peers")"]
    let estimates = [("peers", plan.peers), ("backup", plan.fromBackup)]
    lines += estimates.compactMap { name, estimate in
      estimate.map { "  from \(name): about \($0.seconds.inSeconds) (\($0.basis))" }
    }
    lines += plan.kept.map { "  kept: \($0)" }
    lines += plan.lost.map { "  made anew: \($0)" }
    return lines
  }

  private static func lines(_ report: RepairReport) -> [String] {
    let source = report.plan.backup.map { "from \($0)" } ?? "for its peers to fill"
    let height = report.height.map { ", block \($0)" } ?? ""
    var lines = ["\(report.plan.node) is rebuilt \(source)\(height), \(report.standing ?? "no chain")"]
    if let copy = report.safetyCopy { lines.append("  what was there: \(copy)") }
    return lines + report.plan.kept.map { "  kept: \($0)" } + report.plan.lost.map { "  made anew: \($0)" }
      + report.warnings.map { "  not restored: \($0)" }
  }
}
