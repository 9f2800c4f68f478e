import ArgumentParser
import GoudCore
import Volumes

struct VolumeList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the volumes of an environment.",
    discussion: "SIZE is the sum of the files' apparent sizes: what a backup has to carry. STATE: open (a process "
      + "has a database open), stopped, restore pending, damaged, no database, unreadable.")

  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    try configuration.enterVolumes()
    let catalog = try VolumeCatalog.current(configuration)
    for error in catalog.absent.values { Output.note(Output.printable("warning: \(error.message)")) }
    let volumes = try catalog.list().map { try VolumeSummary($0, cancellation: Signals.cancellation) }
    switch output.format {
    case .json: Output.write(try Output.json(volumes))
    case .table where volumes.isEmpty:
      Output.note("no volumes in \(catalog.directory) yet; any directory with a RocksDB can be named by its path")
    case .table:
      Output.write(
        Output.table(
          ["NAME", "STATE", "SIZE", "DATABASES", "PATH"],
          volumes.map {
            [
              $0.name, $0.state.rawValue, $0.state == .unreadable ? "-" : "\($0.bytes)",
              $0.databases.joined(separator: " "), $0.path,
            ]
          }))
    }
  }
}
