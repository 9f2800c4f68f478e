public import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A block device, as `/sys` tells.
public struct BlockDevice: Sendable, Codable, Hashable {
  /// `/dev/sdb`.
  public let path: String
  public let bytes: ByteCount
  /// Whether it is a part of another one, with its bounds in a partition table.
  public let isPartition: Bool
  /// The file behind a loop device.
  public let loopFile: String?

  /// The one that a path is on; nil where there is none.
  public init?(at path: String) throws {
    self.init(number: try MountTable.mount(of: path).number)
  }

  /// - Parameter number: `major:minor`.
  /// - Returns: nil when no block device has that number: behind `overlay` or `tmpfs` there is none.
  init?(number: String) {
    guard let directory = FileSystem.realPath("/sys/dev/block/\(number)"), let sectors = Self.read("\(directory)/size"),
      let count = Int64(sectors)
    else { return nil }
    path = "/dev/\(FileSystem.name(of: directory))"
    bytes = ByteCount(count * 512)
    isPartition = Self.read("\(directory)/partition") != nil
    loopFile = Self.read("\(directory)/loop/backing_file")
  }

  private static func read(_ path: String) -> String? {
    guard let bytes = try? Descriptor.open(path, O_RDONLY).readAll(limit: 65536) else { return nil }
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
  }
}
