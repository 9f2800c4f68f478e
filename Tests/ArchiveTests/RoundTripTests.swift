import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

@Suite struct RoundTripTests {
  @Test(arguments: Compression.allCases)
  func whatGoesInComesOut(_ compression: Compression) throws {
    try inTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items.append(Sample.file("large", Sample.bytes(5_000_000)))
      volume.items.append(Sample.file("noise", Sample.bytes(2_500_000, seed: 7).map { $0 ^ 0x5a }))
      let written = try Sample.write([volume], in: scratch, compression: compression)
      let report = try Sample.extract(written.path, to: "\(scratch)/out")
      #expect(report.checksummed && report.sha256 == written.sha256 && report.layout == .goud)
      for item in volume.items {
        let path = "\(scratch)/out/node1_data/\(item.entry.path)"
        let status = try #require(try FileSystem.status(path))
        switch item.entry.kind {
        case .file:
          #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) == (item.content as? MemorySource)?.bytes)
          #expect(Int64(status.st_mtim.tv_nsec) == Int64(item.entry.modified.nanoseconds))
          #expect(status.st_mode & 0o7777 == item.entry.mode)
        case .directory: #expect(status.isDirectory && status.st_mode & 0o7777 == item.entry.mode)
        case .link(let target): #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == target)
        case .secondName: Issue.record("there is none in this volume")
        }
      }
    }
  }

  @Test(arguments: Compression.allCases)
  func stockTarReadsWhatWeWrite(_ compression: Compression) async throws {
    try await withTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items.append(Sample.file("large", Sample.bytes(3_000_000)))
      volume.items.append(Sample.file("a name\nwith ü and \\", [1, 2, 3]))
      let written = try Sample.write([volume], in: scratch, compression: compression)
      #expect(
        try await Programs.run("sha256sum", ["--strict", "-c", "\(written.path).sha256"], in: scratch).status == 0)
      let tar = try await Programs.run("tar", ["-xf", written.path, "-C", scratch], environment: ["LANG": "C"])
      #expect(tar.status == 0 && tar.errors.isEmpty, "\(tar.errors)")
      let root = "\(scratch)/goud-chain-backup-local-20260102-030405"
      let sums = try await Programs.run("sha256sum", ["--strict", "-c", "CHECKSUMS.sha256"], in: root)
      #expect(sums.status == 0, "\(sums.errors)")
      #expect(
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(root)/node1_data/large"))) == Sample.bytes(3_000_000))
    }
  }

  @Test(arguments: ["gzip", "zstd"])
  func stockToolsAcceptTheCompressedStream(_ tool: String) async throws {
    try await withTemporaryDirectory { scratch in
      let written = try Sample.write(
        [.init(name: "v", items: [Sample.directory(""), Sample.file("x", Sample.bytes(2_500_000))])], in: scratch,
        compression: Compression(rawValue: tool)!)
      #expect(try await Programs.run(tool, ["-t", written.path]).status == 0)
    }
  }

  /// What stock tar makes of an unpacked archive, in any compression it knows, reads like our own.
  @Test(arguments: [["-czf"], ["-cf"], ["--zstd", "-cf"]])
  func weReadWhatStockTarWrites(_ flags: [String]) async throws {
    try await withTemporaryDirectory { scratch in
      let volume = ArchiveVolume(
        name: "node1_data", items: Sample.volume.items + [Sample.file("large", Sample.bytes(3_000_000))])
      let written = try Sample.write([volume], in: scratch)
      _ = try await Programs.run("tar", ["-xzf", written.path, "-C", scratch])
      let name = "goud-chain-backup-local-20260102-030405"
      let files = ["metadata.json", "node1_data", "CHECKSUMS.sha256"].map { "\(name)/\($0)" }
      let again = "\(scratch)/again.tar"
      #expect(try await Programs.run("tar", flags + [again, "-C", scratch] + files).status == 0)
      let sum = try await Programs.run("sha256sum", ["again.tar"], in: scratch)
      try Data(sum.output.utf8).write(to: URL(fileURLWithPath: "\(again).sha256"))
      #expect(try ArchiveVerifier.verify(path: again, options: ArchiveReadOptions()).checksummed)
    }
  }

  @Test func ownerModeTimesAndAttributesOfTheRootTravel() async throws {
    try await withTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items[0].entry.owner = 1234
      volume.items[0].entry.attributes = ["user.root": Array("kept".utf8)]
      volume.items[0].entry.mode = 0o2751
      let written = try Sample.write([volume], in: scratch)
      _ = try Sample.extract(written.path, to: "\(scratch)/out")
      let status = try #require(try FileSystem.status("\(scratch)/out/node1_data"))
      #expect(status.st_uid == 1234 && status.st_mode & 0o7777 == 0o2751 && status.st_mtim.tv_sec == 1_600_000_000)
      let attribute = try await Programs.run(
        "getfattr", ["-n", "user.root", "--only-values", "\(scratch)/out/node1_data"])
      #expect(attribute.output == "kept")
    }
  }

  @Test(arguments: Compression.allCases)
  func ownerModeTimesAndAttributesTravelThroughStockTar(_ compression: Compression) async throws {
    try await withTemporaryDirectory { scratch in
      var volume = Sample.volume
      for index in [0, 2] {
        volume.items[index].entry.owner = 1234
        volume.items[index].entry.group = 4321
        volume.items[index].entry.attributes = ["user.note": [0, 10, 255], "trusted.goud": Array("x=y\n".utf8)]
      }
      let written = try Sample.write([volume], in: scratch, compression: compression)
      let flags = ["--xattrs", "--xattrs-include=*", "--numeric-owner"]
      try #require(try await Programs.run("tar", flags + ["-xpf", written.path, "-C", scratch]).status == 0)
      try await expectOwnerAndAttributes(below: "\(scratch)/\(Sample.name)/node1_data")

      // And back: what stock tar stores of it, we read.
      let files = ["metadata.json", "node1_data", "CHECKSUMS.sha256"].map { "\(Sample.name)/\($0)" }
      let again = "\(scratch)/again.tar"
      let packed = try await Programs.run("tar", flags + ["--format=pax", "-cf", again, "-C", scratch] + files)
      try #require(packed.status == 0, "\(packed.errors)")
      var options = ArchiveReadOptions()
      options.allowUnverified = true
      options.restorePrivileges = true
      #expect(try Sample.extract(again, to: "\(scratch)/out", options: options).warnings.isEmpty)
      try await expectOwnerAndAttributes(below: "\(scratch)/out/node1_data")
    }
  }

  private func expectOwnerAndAttributes(below root: String) async throws {
    for (path, mode, seconds) in [("", 0o710, 1_600_000_000), ("/rocksdb/000001.sst", 0o644, 1_700_000_000)] {
      let status = try #require(try FileSystem.status(root + path))
      #expect(status.st_uid == 1234 && status.st_gid == 4321 && Int(status.st_mode & 0o7777) == mode)
      #expect(status.st_mtim.tv_sec == seconds)
      let script = "import os,sys; p=sys.argv[1]; print([list(os.getxattr(p,n)) for n in ('user.note','trusted.goud')])"
      let attributes = try await Programs.run("python3", ["-c", script, root + path])
      #expect(attributes.output == "[[0, 10, 255], [120, 61, 121, 10]]\n", "\(attributes.errors)")
    }
  }

  /// The same tar stream, as other compressors make it: one stream, many members, other frames.
  @Test(arguments: [
    ["gzip", "-9"], ["pigz", "-b", "128"], ["zstd", "-q", "-19"], ["zstd", "-q", "-B1MiB", "-T2"], ["cat"],
  ])
  func whateverCompressedItIsRead(_ command: [String]) async throws {
    try await withTemporaryDirectory { scratch in
      let plain = try Sample.write([Sample.large], in: scratch, compression: .none)
      let again = "\(scratch)/again"
      let line = "\(command.joined(separator: " ")) < '\(plain.path)' > '\(again)'; sha256sum again > again.sha256"
      try #require(try await Programs.run("sh", ["-c", line], in: scratch).status == 0)
      #expect(try Sample.extract(again, to: "\(scratch)/out").checksummed)
      #expect(try ArchiveReader.metadata(of: again).name == Sample.name)
    }
  }

  /// Names that are equal as text and differ as bytes, and every character that tar, `sha256sum` or Swift treat in a
  /// way of their own.
  @Test(arguments: Compression.allCases)
  func namesTravelByteForByte(_ compression: Compression) async throws {
    try await withTemporaryDirectory { scratch in
      let names = [
        "\u{e9}", "e\u{301}", "\u{212b}", "\\\u{301}", "a\r\nb", "new\nline", "back\\slash", " space ", "\u{301}first",
        "\u{ac00}", "\u{1100}\u{1161}", String(repeating: "\u{e9}", count: 120), "-dash", "*", "\u{1f600}",
      ]
      let directory = "d"
      let link = Sample.link("link", to: "d/e\u{301}")
      let volume = ArchiveVolume(
        name: "v",
        items: [Sample.directory(""), Sample.directory(directory), link]
          + names.enumerated().map { Sample.file("\(directory)/\($1)", Array("\($0)".utf8)) })
      let written = try Sample.write([volume], in: scratch, compression: compression)
      #expect(try Sample.extract(written.path, to: "\(scratch)/out").checksummed)
      for tool in ["out", "stock"] {
        if tool == "stock" {
          #expect(try await Programs.run("tar", ["-xf", written.path, "-C", scratch]).status == 0)
          let sums = try await Programs.run(
            "sha256sum", ["--quiet", "-c", "CHECKSUMS.sha256"], in: "\(scratch)/\(Sample.name)")
          #expect(sums.status == 0, "\(sums.errors)")
        }
        let root = tool == "out" ? "\(scratch)/out/v/d" : "\(scratch)/\(Sample.name)/v/d"
        let found = Set(try FileSystem.names(in: root).map { Array($0.utf8) })
        #expect(found == Set(names.map { Array($0.utf8) }), "\(tool)")
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/../link")
        #expect(Array(target.utf8) == Array("d/e\u{301}".utf8), "\(tool)")
        for (index, name) in names.enumerated() {
          #expect(try Descriptor.open("\(root)/\(name)", O_RDONLY).readAll() == Array("\(index)".utf8), "\(tool)")
        }
      }
    }
  }

  @Test func dataThatDoesNotCompressIsStored() throws {
    try inTemporaryDirectory { scratch in
      var random = SystemRandomNumberGenerator()
      let noise = (0..<3_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      let volume = ArchiveVolume(name: "v", items: [Sample.directory(""), Sample.file("noise", noise)])
      let written = try Sample.write([volume], in: scratch)
      #expect(written.bytes < 3_000_000 + 10_000)
      #expect(try ArchiveVerifier.verify(path: written.path, options: ArchiveReadOptions()).checksummed)
    }
  }

  @Test func aFileThatShrinksGivesTheBackupUpAndLeavesNothing() throws {
    try inTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items[2].entry.kind = .file(size: 4000)
      let error = #expect(throws: GoudError.self) { try Sample.write([volume], in: scratch) }
      #expect(error?.code == .volumeFileChanged)
      let left = try FileSystem.names(in: scratch)
      #expect(left.isEmpty)
    }
  }

  @Test func aFailedProofGivesTheBackupUpAndLeavesNothing() throws {
    try inTemporaryDirectory { scratch in
      var volume = Sample.volume
      volume.items[2].prove = { throw GoudError(.databaseCorrupt, "damaged") }
      let error = #expect(throws: GoudError.self) { try Sample.write([volume], in: scratch) }
      #expect(error?.code == .databaseCorrupt)
      let left = try FileSystem.names(in: scratch)
      #expect(left.isEmpty)
    }
  }

  @Test func anArchiveOfThatNameIsNeverReplaced() throws {
    try inTemporaryDirectory { scratch in
      let first = try Sample.write(in: scratch)
      let error = #expect(throws: GoudError.self) { try Sample.write(in: scratch) }
      #expect(error?.code == .archiveExists)
      #expect(try ArchiveVerifier.verify(path: first.path, options: ArchiveReadOptions()).sha256 == first.sha256)
    }
  }

  @Test func metadataIsReadFromTheFront() throws {
    try inTemporaryDirectory { scratch in
      let written = try Sample.write(in: scratch)
      #expect(try ArchiveReader.metadata(of: written.path).volumes[0].name == "node1_data")
    }
  }

  @Test func aCancelledBackupLeavesNothing() throws {
    try inTemporaryDirectory { scratch in
      let options = ArchiveWriter.Options(compression: .gzip)
      options.cancellation.cancel(signal: SIGINT)
      let error = #expect(throws: GoudError.self) {
        try ArchiveWriter.write(
          volumes: [Sample.volume], metadata: Sample.metadata([Sample.volume]), directory: scratch, options: options)
      }
      #expect(error?.code == .interrupted)
      let left = try FileSystem.names(in: scratch)
      #expect(left.isEmpty)
    }
  }
}
