import Foundation
import GoudCore
import Volumes

/// File systems that can be grown while they are used.
enum FileSystemGrowth {
  case ext, xfs

  /// - Throws: `volume.not-expandable` for any other.
  init(_ backing: VolumeBacking) throws {
    switch backing.fileSystem {
    case "ext2", "ext3", "ext4": self = .ext
    case "xfs": self = .xfs
    default:
      throw GoudError(
        .volumeNotExpandable, "\(backing.mountPoint) is \(backing.fileSystem), which cannot be grown here",
        hint: "ext4 and xfs can be; otherwise back up, make a larger volume, and restore",
        context: ["path": backing.mountPoint])
    }
  }

  /// Grows it to all of its device.
  func command(_ device: BlockDevice, _ mountPoint: String) -> [String] {
    switch self {
    case .ext: ["resize2fs", device.path]
    case .xfs: ["xfs_growfs", "-d", mountPoint]
    }
  }

  /// How much of its device it covers.
  /// - Throws: `io.failed` when its tool does not say.
  func size(_ device: BlockDevice, _ mountPoint: String) async throws -> ByteCount {
    let (words, count, unit): ([String], String, String) =
      switch self {
      case .ext: (["dumpe2fs", "-h", device.path], "Block count:", "Block size:")
      case .xfs: (["xfs_growfs", "-n", mountPoint], "blocks=", "bsize=")
      }
    var text = try await Tool.output(words, within: .seconds(60))[...]
    // Of xfs, the line that begins with "data".
    if self == .xfs, let data = text.range(of: "\ndata") { text = text[data.upperBound...] }
    guard let blocks = Self.number(after: count, in: text), let size = Self.number(after: unit, in: text) else {
      throw GoudError(.ioFailed, "\(words[0]) does not say how large the file system on \(device.path) is")
    }
    return ByteCount(blocks * size)
  }

  private static func number(after label: String, in text: Substring) -> Int64? {
    guard let found = text.range(of: label) else { return nil }
    return Int64(text[found.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
  }

  /// Whether nothing can be gained: a last group of blocks that is too small stays unused.
  static func fills(_ size: ByteCount, _ device: BlockDevice) -> Bool {
    device.bytes.bytes - size.bytes < min(device.bytes.bytes / 100, 128 << 20)
  }
}
