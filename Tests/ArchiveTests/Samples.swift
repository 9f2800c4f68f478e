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

  static func secondName(_ path: String, of first: String) -> ArchiveVolume.Item {
    .init(
      entry: FileEntry(
        path: path, kind: .secondName(of: first), mode: 0o644, owner: geteuid(), group: getegid(),
        modified: (1_700_000_000, 0)))
  }

  /// A file of `size` bytes with holes but for `extents`, which hold what `bytes` has there.
  static func sparse(_ path: String, size: Int64, _ extents: [Range<Int64>], seed: UInt64 = 1) -> ArchiveVolume.Item {
    var item = file(path, [])
    item.entry.kind = .file(size: size)
    item.entry.extents = extents
    item.content = Pattern(seed: seed)
    return item
  }

  /// Bytes that follow from their place, for files of any size.
  struct Pattern: ByteSource {
    let seed: UInt64

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
      for index in 0..<buffer.count { buffer[index] = Self.byte(at: offset + Int64(index), seed) }
      return buffer.count
    }

    static func byte(at offset: Int64, _ seed: UInt64) -> UInt8 {
      UInt8(truncatingIfNeeded: offset / 7) &+ UInt8(seed) | 1
    }
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

  /// What version 2 of the format brings: holes, second names.
  static let second = ArchiveVolume(
    name: "node1_data",
    items: [
      directory(""), directory("db"), file("db/000001.sst", bytes(5000)), directory("cp"),
      secondName("cp/000001.sst", of: "db/000001.sst"),
      sparse("map", size: 3 << 20, [4096..<8192, 1 << 20..<1 << 20 + 5]),
      sparse("hole", size: 1 << 20, []), sparse("end", size: 200_000, [131_072..<200_000]), file("CURRENT", [1]),
      secondName("cp/CURRENT", of: "CURRENT"),
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
        let files = volume.items.filter { if case .file = $0.entry.kind { true } else { false } }
        let names = volume.items.count { if case .secondName = $0.entry.kind { true } else { false } }
        var described = BackupMetadata.Volume(
          name: volume.name, files: files.count, bytes: files.reduce(0) { $0 + $1.entry.storedBytes }, databases: [])
        if names > 0 { described.secondNames = names }
        return described
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
