import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Where file systems are mounted, as this process sees it.
enum MountTable {
  /// - Throws: `restore.crosses-file-systems` when the volume, or something in it, is a mount point: a rename cannot
  ///   replace one.
  static func refuseMounts(at place: VolumePlace) throws {
    let points = try mountPoints()
    let inside = points.filter { $0 == place.path || $0.hasPrefix("\(place.path)/") }.min()
    let volume = try FileSystem.status(place.path)
    let parent = try FileSystem.status(place.directory)
    guard inside != nil || volume != nil && parent != nil && volume?.st_dev != parent?.st_dev else { return }
    throw GoudError(
      .restoreCrossesFileSystems,
      "\(inside ?? place.path) is a mount point: new data cannot be built beside it on the same file system",
      hint: "keep the volume in a directory below the mount point, and name that with --to",
      context: ["path": inside ?? place.path])
  }

  private static func mountPoints() throws -> [String] {
    let table = try Descriptor.open("/proc/self/mountinfo", O_RDONLY).readAll()
    return table.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "))
      return fields.count > 4 ? String(decoding: unescaped(fields[4]), as: UTF8.self) : nil
    }
  }

  /// Blanks, newlines and backslashes are written as `\` and three octal digits.
  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      else {
        result.append(byte)
        continue
      }
      result.append(value)
      rest = rest.dropFirst(3)
    }
    return result
  }
}
