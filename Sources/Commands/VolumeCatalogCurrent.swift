import Foundation
import GoudCore
import Runtime
import Volumes

extension VolumeCatalog {
  /// The catalog of an environment, with the volumes that its container engine has now.
  /// - Throws: `engine.…`, `volume.ambiguous`.
  static func current(_ configuration: GoudConfiguration) throws -> VolumeCatalog {
    let volumes = try DockerVolumes(configuration)
    try volumes?.refresh()
    return VolumeCatalog(configuration, absent: try volumes?.absent() ?? [:])
  }
}

extension GoudConfiguration {
  /// Runs the verb in a container, for whoever may use the engine and not enter its volumes. It does nothing for others.
  /// - Parameter restores: whether the verb writes to the volumes.
  /// - Throws: what the run exits with, or `engine.…`.
  func enterVolumes(restores: Bool = false) throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard let helper = try HelperContainer(self, arguments: arguments, restores: restores) else { return }
    throw try helper.run(Signals.cancellation)
  }
}
