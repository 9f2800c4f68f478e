import ArgumentParser

struct VolumeGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volume", abstract: "See, check and rebuild volumes.",
    subcommands: [VolumeList.self, VolumeInspect.self, VolumeCheckVerb.self, VolumeRepairVerb.self])
}
