import CGoudLinux

#if canImport(Glibc)
  import Glibc
#endif

extension FileSystem {
  /// Whether something is mounted at `path` (a disk, a bind mount, a Kubernetes volume): then no rename can replace it,
  /// whatever its device number is. False when nothing is there.
  public static func isMountRoot(_ path: String) throws -> Bool {
    guard try status(path)?.isDirectory == true else { return false }
    switch goud_is_mount_root(path) {
    case 1: return true
    case 0: return false
    default: return try MountPoints.read().contains(path)
    }
  }
}

/// The places at which something is mounted, as this process sees them.
public enum MountPoints {
  public static func read() throws -> [String] {
    let table = try Descriptor.open("/proc/self/mountinfo", O_RDONLY).readAll(limit: 16 << 20)
    return table.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "))
      return fields.count > 4 ? String(decoding: unescaped(fields[4]), as: UTF8.self) : nil
    }
  }

  /// Those below `directory`, absolute and with links followed; sorted.
  public static func below(_ directory: String) throws -> [String] {
    let prefix = directory == "/" ? "/" : "\(directory)/"
    return Set(try read().filter { $0.utf8.count > prefix.utf8.count && $0.utf8.starts(with: prefix.utf8) }).sorted()
  }

  /// Blanks, newlines and backslashes are written as `\` and three octal digits.
  public static func unescaped(_ text: some Collection<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3,
        let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        result.append(code)
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
