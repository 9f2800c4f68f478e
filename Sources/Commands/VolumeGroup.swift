import ArgumentParser

struct VolumeGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volume", abstract: "See, check, rebuild and expand volumes.",
    subcommands: [
      VolumeList.self, VolumeInspect.self, VolumeCheckVerb.self, VolumeRepairVerb.self, VolumeExpandVerb.self,
    ])
}
