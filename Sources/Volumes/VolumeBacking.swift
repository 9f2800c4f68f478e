import GoudCore

/// Whose disks the volumes are on (`VOLUME_DRIVER`).
public enum VolumeDriver: String, Sendable, Codable, CaseIterable {
  case local
  case googleDisk = "gcePersistentDisk"
  case amazonDisk = "awsElasticBlockStore"
}

/// What carries a volume: its driver and the provider's name for the disk, as configured; its file system and device, as
/// the kernel knows them.
public struct VolumeBacking: Sendable, Codable, CustomStringConvertible {
  public let driver: VolumeDriver
  /// What the provider calls the disk (`VOLUME_IDS`).
  public let providerId: String?
  /// Google's zone, Amazon's region (`VOLUME_ZONE`); nil: what its tool is set to.
  public let zone: String?
  /// `ext4`, `xfs`, `overlay`, …; `unknown` when the kernel does not say.
  public let fileSystem: String
  public let mountPoint: String
  /// nil where there is none.
  public let device: BlockDevice?

  public init(_ volume: Volume, _ configuration: GoudConfiguration) throws {
    let mount = try MountTable.mount(of: volume.path)
    let node = volume.name.hasSuffix("_data") ? String(volume.name.dropLast(5)) : volume.name
    self.init(
      driver: VolumeDriver(rawValue: configuration.volumeDriver)!, providerId: configuration.volumeID(node),
      zone: configuration.volumeZone, fileSystem: mount.fileSystem, mountPoint: mount.place,
      device: BlockDevice(number: mount.number))
  }

  public init(
    driver: VolumeDriver, providerId: String? = nil, zone: String? = nil, fileSystem: String, mountPoint: String,
    device: BlockDevice? = nil
  ) {
    self.driver = driver
    self.providerId = providerId
    self.zone = zone
    self.fileSystem = fileSystem
    self.mountPoint = mountPoint
    self.device = device
  }

  /// `awsElasticBlockStore vol-1 (eu-west-1): xfs on /dev/nvme1n1, 107.4 GB, mounted at /srv`
  public var description: String {
    let name = [driver.rawValue, providerId, zone.map { "(\($0))" }].compactMap { $0 }.joined(separator: " ")
    let device = device.map { " on \($0.path), \($0.bytes)" } ?? ""
    return "\(name): \(fileSystem)\(device), mounted at \(mountPoint)"
  }
}
