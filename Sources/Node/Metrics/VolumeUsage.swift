import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// What a volume takes on its disk. One walk over its names, a few microseconds a file; its fields, in snake case, are those of
/// `volume_metrics`, a promise to those who scrape them.
struct VolumeUsage: Sendable, Encodable {
  /// The sizes of all files, as `ls -l` shows them.
  let diskUsedBytes: Int64
  /// The same in units of 1,048,576 bytes, rounded down.
  let diskUsedMb: Int64
  /// The volume's root, as this process sees it.
  let mountPath: String
  let rocksdbPresent: Bool
  /// Table files in `rocksdb/`.
  let sstFileCount: Int

  /// - Parameter volume: its root.
  init(volume: String) throws {
    mountPath = volume
    let database = "\(volume)/\(VolumeName.database)"
    rocksdbPresent = try FileSystem.status("\(database)/CURRENT") != nil
    var bytes: Int64 = 0
    var tables = 0
    try Self.walk(volume) { path, size in
      bytes += size
      if path.hasPrefix("\(database)/") && path.hasSuffix(".sst") { tables += 1 }
    }
    diskUsedBytes = bytes
    diskUsedMb = bytes >> 20
    sstFileCount = tables
  }

  /// Files come and go meanwhile: one that has gone counts for nothing.
  private static func walk(_ directory: String, _ visit: (String, Int64) -> Void) throws {
    let names: [String]
    do {
      names = try FileSystem.names(in: directory)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return
    }
    for name in names {
      let path = "\(directory)/\(name)"
      guard let status = try FileSystem.status(path) else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        try walk(path, visit)
      } else if status.st_mode & S_IFMT == S_IFREG {
        visit(path, Int64(status.st_size))
      }
    }
  }
}
