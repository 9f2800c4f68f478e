import Foundation
import GoudCore
import Volumes

/// Where the data of Docker volumes is on this machine.
///
/// A volume with options of mount(8) (NFS, a directory of the host), or of another driver than the engine's own, is at
/// its mountpoint while a container uses it; at other times an empty directory is there, which tells nothing of the
/// volume, and whatever were put into it the next mount would cover.
struct VolumeLocation {
  private let mounts: MountTable

  init() throws { mounts = try MountTable.read() }

  /// - Throws: `engine.volume-unreachable` while the data is mounted nowhere.
  func path(of volume: EngineVolume) throws -> String {
    guard volume.isMountedOnUse else { return volume.mountpoint }
    let isMounted = mounts.holds(volume.mountpoint)
    if let directory = volume.boundDirectory.flatMap({ FileSystem.realPath($0) }),
      let status = try FileSystem.status(directory), status.isDirectory
    {
      // In a helper, another directory may be at this path: what is mounted decides.
      if try !isMounted || FileSystem.status(volume.mountpoint)?.identity == status.identity { return directory }
    }
    if isMounted { return volume.mountpoint }
    // Some drivers keep plain directories. An empty one says nothing.
    if !volume.isOfEngine, let names = try? FileSystem.names(in: volume.mountpoint), !names.isEmpty {
      return volume.mountpoint
    }
    throw GoudError(
      .engineVolumeUnreachable,
      "the Docker volume \(volume.name) is mounted only while a container uses it (\(volume.means)), and none does: "
        + "its data cannot be seen",
      hint: "start a container that has it (docker start), or name where the data is: NAME=PATH",
      context: ["volume": volume.name])
  }
}

extension EngineVolume {
  /// Of the driver that every engine has.
  var isOfEngine: Bool { [nil, "local"].contains(driver) }

  /// Whether its mountpoint has the data only while a container uses it, as far as one can know.
  var isMountedOnUse: Bool { !isOfEngine || ["type", "device"].contains { options?[$0]?.isEmpty == false } }

  /// The host's directory that it is, for one that is bound.
  fileprivate var boundDirectory: String? {
    let words = (options?["o"] ?? "").split(separator: ",")
    guard isOfEngine, words.contains("bind") || words.contains("rbind"), let device = options?["device"],
      device.hasPrefix("/")
    else { return nil }
    return device
  }

  /// What brings it; never the options themselves, which may hold a password.
  fileprivate var means: String {
    isOfEngine ? [options?["type"], options?["device"]].compactMap { $0 }.joined(separator: " ") : driver ?? ""
  }
}
