import Foundation
import GoudCore
import Volumes

/// How whoever has the disks enlarges one. Each command is the provider's own tool, which finds its credentials itself.
enum Provider {
  /// The steps that make a device `size` large.
  /// - Throws: `volume.not-expandable` when that is beyond this driver; `usage.invalid` for a size it does not know.
  static func steps(_ backing: VolumeBacking, _ device: BlockDevice, _ size: ByteCount) throws -> [Step] {
    switch backing.driver {
    case .local: try local(device, size)
    case .googleDisk: google(try id(backing), backing.zone, try gigabytes(size)) + [.awaitDevice]
    case .amazonDisk: amazon(try id(backing), backing.zone, try gigabytes(size)) + [.awaitDevice]
    }
  }

  private static func local(_ device: BlockDevice, _ size: ByteCount) throws -> [Step] {
    guard let file = device.loopFile else {
      throw GoudError(
        .volumeNotExpandable,
        "the driver local cannot enlarge \(device.path), which has \(DiskSize.text(device.bytes))",
        hint:
          "enlarge it with what made it, then run this again; at Google or Amazon, set VOLUME_DRIVER and VOLUME_IDS",
        context: ["device": device.path])
    }
    return [.run(["truncate", "--size=\(size.bytes)", file]), .run(["losetup", "--set-capacity", device.path])]
  }

  private static func google(_ id: String, _ zone: String?, _ gigabytes: Int64) -> [Step] {
    let place = zone.map { ["--zone=\($0)"] } ?? []
    return [
      .enlarge(
        Enlargement(
          ask: ["gcloud", "compute", "disks", "describe", id] + place + ["--format=value(sizeGb)"],
          enlarge: ["gcloud", "compute", "disks", "resize", id, "--size=\(gigabytes)GB"] + place + ["--quiet"],
          gigabytes: gigabytes))
    ]
  }

  private static func amazon(_ id: String, _ region: String?, _ gigabytes: Int64) -> [Step] {
    let place = region.map { ["--region", $0] } ?? []
    let query = ["--query", "VolumesModifications[0].ModificationState", "--output", "text"]
    return [
      .enlarge(
        Enlargement(
          ask: ["aws", "ec2", "describe-volumes", "--volume-ids", id] + place
            + ["--query", "Volumes[0].Size", "--output", "text"],
          enlarge: ["aws", "ec2", "modify-volume", "--volume-id", id, "--size", "\(gigabytes)"] + place,
          gigabytes: gigabytes,
          confirm: ["aws", "ec2", "describe-volumes-modifications", "--volume-ids", id] + place + query))
    ]
  }

  private static func id(_ backing: VolumeBacking) throws -> String {
    guard let id = backing.providerId else {
      throw GoudError(
        .volumeNotExpandable, "nobody has said which disk of \(backing.driver.rawValue) this volume is on",
        hint: "set VOLUME_IDS to its name there, in the environment's overrides.env")
    }
    return id
  }

  private static func gigabytes(_ size: ByteCount) throws -> Int64 {
    guard size.bytes % DiskSize.gigabyte == 0 else {
      throw GoudError(.usage, "\(DiskSize.text(size)) is not a whole number of GB", hint: "write --size 100GB")
    }
    return size.bytes / DiskSize.gigabyte
  }
}

/// One step of an expansion.
enum Step: Sendable {
  case run([String])
  case enlarge(Enlargement)
  /// Until the kernel sees the device's new size.
  case awaitDevice

  /// As one would type it.
  func lines(_ device: String, _ size: ByteCount) -> [String] {
    switch self {
    case .run(let words): [words.commandLine]
    case .enlarge(let disk):
      ["\(disk.ask.commandLine)   # not there yet?", disk.enlarge.commandLine]
        + (disk.confirm.map { ["\($0.commandLine)   # until it says optimizing or completed"] } ?? [])
    case .awaitDevice: ["wait until \(device) has \(DiskSize.text(size))"]
    }
  }

  /// What it needs to have installed.
  var programs: [String] {
    switch self {
    case .run(let words): [words[0]]
    case .enlarge(let disk): [disk.enlarge[0]]
    case .awaitDevice: []
    }
  }
}

/// Enlarges a provider's disk, unless an earlier run has done it: providers refuse to do it twice.
struct Enlargement: Sendable {
  /// Prints the size in gigabytes.
  let ask: [String]
  let enlarge: [String]
  let gigabytes: Int64
  /// Prints how far it is, where the provider works on after its answer.
  var confirm: [String]?
}

extension [String] {
  /// For a shell.
  var commandLine: String {
    map { word in
      word.utf8.allSatisfy {
        "=./:_-".utf8.contains($0) || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
      }
        ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
    }.joined(separator: " ")
  }
}
