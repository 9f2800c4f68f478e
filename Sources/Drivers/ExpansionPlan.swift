public import GoudCore
public import Volumes

/// What an expansion would do, and why nothing else.
public struct ExpansionPlan: Sendable, Encodable {
  public let volume: String
  public let path: String
  public let backing: VolumeBacking
  /// What the device shall have.
  public let size: ByteCount
  /// How much of the device the file system covers now; nil for a user who may not know.
  public let fileSystemBytes: ByteCount?
  /// The commands, in order; none when everything is there already.
  public let commands: [String]
  /// Other volumes on the same file system.
  public let alongside: [String]
  let device: BlockDevice
  let steps: [Step]

  private enum CodingKeys: String, CodingKey {
    case volume, path, backing, size, fileSystemBytes, commands, alongside
  }

  /// Looks, and changes nothing.
  /// - Parameters:
  ///   - others: volumes that may share the file system.
  ///   - isRoot: whether the file system's tools may look at the device.
  /// - Throws: `volume.not-expandable`, `volume.would-shrink`, `volume.tool-missing`, `usage.invalid`.
  public static func make(
    _ volume: Volume, size: ByteCount, others: [Volume], configuration: GoudConfiguration, isRoot: Bool
  ) async throws -> ExpansionPlan {
    let backing = try VolumeBacking(volume, configuration)
    let (growth, device) = try check(backing)
    guard size >= device.bytes else { throw shrinking(size, device) }
    let covered = isRoot ? try await growth.size(device, backing.mountPoint) : nil
    var steps = size > device.bytes ? try Provider.steps(backing, device, size) : []
    if !steps.isEmpty || !(covered.map { FileSystemGrowth.fills($0, device) } ?? false) {
      steps.append(.run(growth.command(device, backing.mountPoint)))
    }
    let sharing = try others.filter { $0.path != volume.path }
      .filter { try VolumeBacking($0, configuration).mountPoint == backing.mountPoint }
    return ExpansionPlan(
      volume: volume.name, path: volume.path, backing: backing, size: size, fileSystemBytes: covered,
      commands: steps.flatMap { $0.lines(device.path, size) }, alongside: sharing.map(\.name), device: device,
      steps: steps)
  }

  private static func check(_ backing: VolumeBacking) throws -> (FileSystemGrowth, BlockDevice) {
    let growth = try FileSystemGrowth(backing)
    guard let device = backing.device else {
      throw GoudError(
        .volumeNotExpandable, "there is no block device behind \(backing.mountPoint) (\(backing.fileSystem))",
        hint: "name a volume on a disk of its own", context: ["path": backing.mountPoint])
    }
    guard !device.isPartition else {
      throw GoudError(
        .volumeNotExpandable, "\(device.path) is a partition, and a larger disk does not enlarge it",
        hint:
          "enlarge disk, partition (growpart) and file system by hand; or keep volumes on a disk without partitions",
        context: ["device": device.path])
    }
    return (growth, device)
  }

  private static func shrinking(_ size: ByteCount, _ device: BlockDevice) -> GoudError {
    GoudError(
      .volumeWouldShrink, "\(device.path) has \(DiskSize.text(device.bytes)), more than \(DiskSize.text(size))",
      hint: "volumes only grow; --size \(DiskSize.text(device.bytes)) grows the file system to all of the device",
      context: ["device": device.path])
  }
}
