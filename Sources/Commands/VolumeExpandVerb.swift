import ArgumentParser
import Drivers
import GoudCore
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// `goud volume expand`
struct VolumeExpandVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "expand", abstract: "Enlarge a volume's disk and file system, while its node runs.",
    discussion: """
      The provider's own tool enlarges the disk (VOLUME_DRIVER: gcloud, aws; of a local loop device, the file), then the \
      file system is grown, mounted as it is: ext4 and xfs. What was enlarged cannot be made smaller again. A run that was \
      interrupted goes on when it is run again.
      """)

  @Argument(help: "A name (node1), a path (with a '/'), or NAME=PATH.") var volume: String
  @Option(help: "What the disk shall have: 100GB. A GB is 1024 MB, as the providers count.") var size: String
  @Flag(help: "Show what would be done, and change nothing.") var dryRun = false
  @Option(help: ArgumentHelp("How long the provider may take.", valueName: "seconds")) var wait = 900
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if wait < 1 { throw ValidationError("--wait is at least 1") }
  }

  func run() throws {
    let size = try DiskSize.parse(size)
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let catalog = VolumeCatalog(configuration)
    let chosen = try catalog.resolve(volume, holdingDatabase: false)
    let others = try catalog.list()
    let plan = try Awaiting.result {
      try await ExpansionPlan.make(
        chosen, size: size, others: others, configuration: configuration, isRoot: geteuid() == 0)
    }
    if dryRun || plan.commands.isEmpty { return try show(plan) { Self.lines($0) } }
    let expansion = Expansion(plan, patience: .seconds(wait), cancellation: Signals.cancellation) { Output.note($0) }
    try show(try Awaiting.result { try await expansion.run() }) { Self.lines($0) }
  }

  private func show<Value: Encodable>(_ value: Value, _ lines: (Value) -> [String]) throws {
    switch output.format {
    case .json: Output.write(try Output.json(value))
    case .table: Output.write(Output.printable(lines: lines(value)))
    }
  }

  private static func lines(_ plan: ExpansionPlan) -> [String] {
    guard !plan.commands.isEmpty else { return ["nothing to do: \(plan.volume) has it already (\(plan.backing))"] }
    return ["\(plan.volume): \(plan.backing)"] + plan.commands.map { "  \($0)" }
      + plan.alongside.map { "  also on it: \($0)" }
  }

  private static func lines(_ report: Expansion.Report) -> [String] {
    let seconds = report.seconds.inSeconds
    return [
      "\(report.plan.volume): the device has \(report.deviceBytes), the file system covers \(report.fileSystemBytes), "
        + "\(report.available) of it free; it took \(seconds)"
    ]
  }
}
