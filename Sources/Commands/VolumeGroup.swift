import ArgumentParser

struct VolumeGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volume", abstract: "See and check volumes.",
    subcommands: [VolumeList.self, VolumeInspect.self, VolumeCheckVerb.self])
}
