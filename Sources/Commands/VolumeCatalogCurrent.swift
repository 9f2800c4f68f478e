import Runtime
import Volumes

extension VolumeCatalog {
  /// The catalog of an environment, with the volumes that its container engine has now.
  /// - Throws: `engine.…`, `volume.ambiguous`.
  static func current(_ configuration: GoudConfiguration) throws -> VolumeCatalog {
    try DockerVolumes(configuration)?.refresh()
    return VolumeCatalog(configuration)
  }
}
