import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

/// Small archives for tests.
enum Sample {
  static func file(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) -> ArchiveVolume.Item {
    .init(
      entry: FileEntry(
        path: path, kind: .file(size: Int64(bytes.count)), mode: mode, owner: geteuid(), group: getegid(),
        modified: (1_700_000_000, 123_456_789)), content: MemorySource(bytes))
  }

  static func directory(_ path: String, mode: UInt32 = 0o755) -> ArchiveVolume.Item {
    .init(
      entry: FileEntry(
        path: path, kind: .directory, mode: mode, owner: geteuid(), group: getegid(), modified: (1_600_000_000, 0)))
  }

  static func link(_ path: String, to target: String) -> ArchiveVolume.Item {
    .init(
      entry: FileEntry(
        path: path, kind: .link(target: target), mode: 0o777, owner: geteuid(), group: getegid(),
        modified: (1_600_000_000, 0)))
  }

  /// Bytes that compress about by half, the same for the same seed.
  static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { index in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return index % 2 == 0 ? UInt8(truncatingIfNeeded: state >> 33) : UInt8(index & 7)
    }
  }

  static let volume = ArchiveVolume(
    name: "node1_data",
    items: [
      directory("", mode: 0o710), directory("rocksdb"), file("rocksdb/000001.sst", bytes(3000)),
      file("rocksdb/CURRENT", Array("MANIFEST-000002\n".utf8)), file("empty", []),
      file("jwt_secret", Array("secret".utf8), mode: 0o600), link("link", to: "rocksdb/CURRENT"),
    ])

  /// Small as an archive, though it fills several blocks, some of which do not compress.
  static let large = ArchiveVolume(
    name: "node1_data",
    items: [
      directory(""), file("zeros", [UInt8](repeating: 0, count: 3_300_000)), file("noise", noise(40_000)),
      file("more", [UInt8](repeating: 7, count: 1_200_000)), file("CURRENT", Array("MANIFEST-000002\n".utf8)),
    ])

  /// Bytes that do not compress, the same for the same seed.
  static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  static let name = "goud-chain-backup-local-20260102-030405"

  static func metadata(_ volumes: [ArchiveVolume]) -> BackupMetadata {
    BackupMetadata(
      name: name, environment: "local",
      timestamp: Date(timeIntervalSince1970: 1_767_323_045), host: "host", toolVersion: "0",
      volumes: volumes.map { volume in
        let sizes = volume.items.compactMap { if case .file(let size) = $0.entry.kind { size } else { nil } }
        return .init(name: volume.name, files: sizes.count, bytes: sizes.reduce(0, +), databases: [])
      })
  }

  @discardableResult
  static func write(
    _ volumes: [ArchiveVolume] = [volume], in directory: String, compression: Compression = .gzip
  ) throws -> WrittenArchive {
    try ArchiveWriter.write(
      volumes: volumes, metadata: metadata(volumes), directory: directory, options: .init(compression: compression))
  }

  /// Unpacks an archive into `directory/<volume>`.
  static func extract(
    _ path: String, to directory: String, options: ArchiveReadOptions = ArchiveReadOptions()
  ) throws -> ArchiveReport {
    try ArchiveExtractor.extract(path: path, options: options) { name in
      let target = "\(directory)/\(name)"
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
      return target
    }
  }
}
