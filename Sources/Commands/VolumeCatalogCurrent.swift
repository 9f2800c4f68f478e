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
  /// - Parameters:
  ///   - restores: whether the verb writes to the volumes.
  ///   - creates: whether it makes those that are missing.
  /// - Throws: what the run exits with, or `engine.…`.
  func enterVolumes(restores: Bool = false, creates: Bool = false) throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let helper = try HelperContainer(self, arguments: arguments, restores: restores, creates: creates)
    guard let helper else { return }
    throw try helper.run(Signals.cancellation)
  }
}
