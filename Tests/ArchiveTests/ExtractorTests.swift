import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct ExtractorTests {
  /// Every path below `directory`, directories with a slash behind.
  private func tree(_ directory: String) throws -> Set<String> {
    let found = FileManager.default.enumerator(atPath: directory)
    return Set((found?.allObjects as? [String]) ?? [])
  }

  /// pgBackRest's rule: what makes a database startable is written last.
  @Test func currentGetsItsNameOnlyWhenAllIsProven() throws {
    try inTemporaryDirectory { scratch in
      let written = try Sample.write(in: scratch)
      let other = String(repeating: "0", count: 64)
      try Data("\(other)  \(FileSystem.name(of: written.path))\n".utf8)
        .write(to: URL(fileURLWithPath: "\(written.path).sha256"))
      #expect(throws: GoudError.self) { try Sample.extract(written.path, to: "\(scratch)/out") }
      let names = try tree("\(scratch)/out/node1_data")
      #expect(names.contains("rocksdb/000001.sst") && !names.contains("rocksdb/CURRENT"))
    }
  }

  @Test func nothingButTheArchivesContentIsLeft() throws {
    try inTemporaryDirectory { scratch in
      let written = try Sample.write(in: scratch)
      _ = try Sample.extract(written.path, to: "\(scratch)/out")
      let names = Sample.volume.items.map(\.entry.path).filter { !$0.isEmpty }
      #expect(try tree("\(scratch)/out/node1_data") == Set(names))
    }
  }

  @Test func whatIsThereIsNeitherReplacedNorFollowed() throws {
    try inTemporaryDirectory { scratch in
      let written = try Sample.write(in: scratch)
      let volume = "\(scratch)/out/node1_data"
      try FileManager.default.createDirectory(atPath: "\(scratch)/elsewhere", withIntermediateDirectories: true)
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: "\(volume)/rocksdb", withDestinationPath: "../../elsewhere")
      #expect(throws: GoudError.self) { try Sample.extract(written.path, to: "\(scratch)/out") }
      #expect(try FileSystem.names(in: "\(scratch)/elsewhere").isEmpty)

      try FileManager.default.removeItem(atPath: volume)
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: "\(volume)/jwt_secret", withDestinationPath: "../../secret")
      #expect(throws: GoudError.self) { try Sample.extract(written.path, to: "\(scratch)/out") }
      #expect(try FileSystem.status("\(scratch)/secret") == nil)
    }
  }

  @Test func aVolumeThatIsNotWantedIsPassedOver() throws {
    try inTemporaryDirectory { scratch in
      var other = Sample.volume
      other.name = "node2_data"
      let written = try Sample.write([Sample.volume, other], in: scratch)
      try FileManager.default.createDirectory(atPath: "\(scratch)/two", withIntermediateDirectories: true)
      let report = try ArchiveExtractor.extract(path: written.path, options: ArchiveReadOptions()) {
        $0 == "node2_data" ? "\(scratch)/two" : nil
      }
      #expect(report.checksummed && report.volumes.count == 2)
      #expect(try FileSystem.names(in: "\(scratch)/two").contains("rocksdb"))
    }
  }

  @Test func modesThatForbidWritingDoNotStopTheRest() throws {
    try inTemporaryDirectory { scratch in
      let volume = ArchiveVolume(
        name: "v",
        items: [
          Sample.directory("", mode: 0o500), Sample.directory("a", mode: 0o500), Sample.directory("a/b", mode: 0),
          Sample.file("a/b/f", [1], mode: 0), Sample.file("g", [2], mode: 0o400),
        ])
      let written = try Sample.write([volume], in: scratch)
      _ = try Sample.extract(written.path, to: "\(scratch)/out")
      for item in volume.items {
        let status = try #require(try FileSystem.status("\(scratch)/out/v/\(item.entry.path)"))
        #expect(status.st_mode & 0o7777 == item.entry.mode, "\(item.entry.path)")
        #expect(Int64(status.st_mtim.tv_sec) == item.entry.modified.seconds, "\(item.entry.path)")
      }
    }
  }

  @Test func anAttributeThatTheFileSystemRefusesIsReported() throws {
    try inTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items[2].entry.attributes = ["nonsense.note": [1], "user.note": [2]]
      let written = try Sample.write([volume], in: scratch)
      var options = ArchiveReadOptions()
      options.restorePrivileges = true
      let report = try Sample.extract(written.path, to: "\(scratch)/out", options: options)
      #expect(report.warnings == ["the extended attribute nonsense.note was refused by the file system (1 entry)"])
    }
  }

  @Test func whatGivesPowersIsDroppedAndSaidUnlessItIsAskedFor() throws {
    try inTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items[2].entry.mode = 0o6755
      volume.items[2].entry.attributes = ["trusted.goud": [1], "user.note": [2]]
      volume.items[1].entry.mode = 0o2755
      let written = try Sample.write([volume], in: scratch)
      let report = try Sample.extract(written.path, to: "\(scratch)/out")
      let table = "\(scratch)/out/node1_data/rocksdb/000001.sst"
      #expect(try FileSystem.status(table)?.st_mode == S_IFREG | 0o755)
      #expect(try FileSystem.status(FileSystem.parent(of: table))?.st_mode == S_IFDIR | 0o2755)
      #expect(
        report.warnings == [
          "set-user-id or set-group-id (--restore-privileges) (1 entry)",
          "the extended attribute trusted.goud (--restore-privileges) (1 entry)",
        ])
      var options = ArchiveReadOptions()
      options.restorePrivileges = true
      #expect(try Sample.extract(written.path, to: "\(scratch)/all", options: options).warnings.isEmpty)
      #expect(
        try FileSystem.status("\(scratch)/all/node1_data/rocksdb/000001.sst")?.st_mode == S_IFREG | 0o6755)
    }
  }

  /// For a copy that is looked at and thrown away by whoever may not write into a directory of mode 0500.
  @Test func contentAloneMayBeAskedFor() throws {
    try inTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items[1].entry.mode = 0o500
      let written = try Sample.write([volume], in: scratch)
      var options = ArchiveReadOptions()
      options.contentOnly = true
      _ = try Sample.extract(written.path, to: "\(scratch)/out", options: options)
      #expect(try FileSystem.status("\(scratch)/out/node1_data/rocksdb")?.st_mode == S_IFDIR | 0o700)
    }
  }

  @Test func emptyVolumesAndFilesTravel() throws {
    try inTemporaryDirectory { scratch in
      let empty = ArchiveVolume(name: "empty", items: [Sample.directory("", mode: 0o700)])
      let one = ArchiveVolume(name: "one", items: [Sample.directory(""), Sample.file("nothing", [])])
      let written = try Sample.write([empty, one], in: scratch)
      let report = try Sample.extract(written.path, to: "\(scratch)/out")
      #expect(report.volumes["empty"]?.files == 0 && report.volumes["one"]?.files == 1)
      #expect(try FileSystem.names(in: "\(scratch)/out/empty").isEmpty)
      #expect(try FileSystem.status("\(scratch)/out/one/nothing")?.st_size == 0)
    }
  }

  @Test func aDestinationThatIsNotThereIsRefused() throws {
    try inTemporaryDirectory { scratch in
      let written = try Sample.write(in: scratch)
      #expect(throws: GoudError.self) {
        try ArchiveExtractor.extract(path: written.path, options: ArchiveReadOptions()) { "\(scratch)/no/\($0)" }
      }
    }
  }
}
