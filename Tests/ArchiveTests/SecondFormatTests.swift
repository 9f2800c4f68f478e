import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

/// Files with holes and files with several names.
@Suite struct SecondFormatTests {
  private func expectWhole(_ root: String, _ tool: String) throws {
    for (path, extents) in [("map", [4096..<8192, 1 << 20..<1 << 20 + 5]), ("hole", []), ("end", [131_072..<200_000])] {
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(path)")))
      let wrong = bytes.indices.first { index in
        bytes[index] != (extents.contains { $0.contains(index) } ? Sample.Pattern.byte(at: Int64(index), 1) : 0)
      }
      #expect(wrong == nil, "\(tool): \(path)")
      let status = try #require(try FileSystem.status("\(root)/\(path)"))
      #expect(Int64(status.st_blocks) * 512 < 128 << 10, "\(tool): \(path) has its holes")
    }
    for (first, second) in [("db/000001.sst", "cp/000001.sst"), ("CURRENT", "cp/CURRENT")] {
      let one = try #require(try FileSystem.status("\(root)/\(first)"))
      #expect(try FileSystem.status("\(root)/\(second)")?.identity == one.identity && one.st_nlink == 2, "\(tool)")
    }
  }

  @Test(arguments: Compression.allCases)
  func holesAndSecondNamesComeBackByGoudAndByStockTar(_ compression: Compression) async throws {
    try await withTemporaryDirectory { scratch in
      let written = try Sample.write([Sample.second], in: scratch, compression: compression)
      #expect(written.bytes < 200_000)
      let report = try Sample.extract(written.path, to: "\(scratch)/out")
      #expect(report.checksummed && report.volumes["node1_data"]?.files == 5)
      try expectWhole("\(scratch)/out/node1_data", "goud")
      let tar = try await Programs.run("tar", ["-xf", written.path, "-C", scratch])
      #expect(tar.status == 0 && tar.errors.isEmpty, "\(tar.errors)")
      try expectWhole("\(scratch)/\(Sample.name)/node1_data", "tar")
      let sums = try await Programs.run(
        "sha256sum", ["--strict", "--quiet", "-c", "CHECKSUMS.sha256"], in: "\(scratch)/\(Sample.name)")
      #expect(sums.status == 0, "\(sums.errors)")
    }
  }

  @Test func aHoleOfATerabyteCostsNothing() throws {
    try inTemporaryDirectory { scratch in
      let volume = ArchiveVolume(
        name: "v", items: [Sample.directory(""), Sample.sparse("map", size: 1 << 40, [1 << 39..<1 << 39 + 4096])])
      let written = try Sample.write([volume], in: scratch, compression: .none)
      #expect(written.bytes < 64 << 10)
      #expect(try Sample.extract(written.path, to: "\(scratch)/out").checksummed)
      let status = try #require(try FileSystem.status("\(scratch)/out/v/map"))
      #expect(status.st_size == 1 << 40 && status.st_blocks < 256)
    }
  }

  /// A flipped bit in the bytes, or in what says where they are, of a file that `sha256sum` passes over.
  @Test func damageInAFileWithHolesIsFound() async throws {
    try await withTemporaryDirectory { scratch in
      let volume = ArchiveVolume(
        name: "v", items: [Sample.directory(""), Sample.sparse("map", size: 1 << 20, [65_536..<131_072])])
      let written = try Sample.write([volume], in: scratch, compression: .none)
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: written.path)))
      try FileManager.default.removeItem(atPath: "\(written.path).sha256")
      let pattern = (65_536..<65_600).map { Sample.Pattern.byte(at: Int64($0), 1) }
      let at = try #require(whole.indices.first { whole[$0...].starts(with: pattern) })
      var damaged = whole
      damaged[at + 100] ^= 1
      let moved = try #require(whole.indices.first { whole[$0...].starts(with: Array("65536\n65536\n".utf8)) })
      var shifted = whole
      shifted[moved + 4] = UInt8(ascii: "7")
      var options = ArchiveReadOptions()
      options.allowUnverified = true
      for (bytes, what) in [(damaged, "bytes"), (shifted, "map")] {
        try Data(bytes).write(to: URL(fileURLWithPath: written.path))
        let error = #expect(throws: GoudError.self, "\(what)") {
          try ArchiveVerifier.verify(path: written.path, options: options)
        }
        #expect(error?.code == .archiveChecksumMismatch, "\(what)")
      }
    }
  }

  /// What stock tar makes of an unpacked archive is read, when it keeps the holes.
  @Test func whatStockTarPacksAgainIsRead() async throws {
    try await withTemporaryDirectory { scratch in
      var volume = Sample.second
      volume.items[5] = Sample.sparse("map", size: 3 << 20, [4096..<8192, 1 << 20..<1 << 20 + 4096])
      let written = try Sample.write([volume], in: scratch)
      _ = try await Programs.run("tar", ["-xf", written.path, "-C", scratch])
      let again = "\(scratch)/again.tar"
      for flags in [["-S"], []] {
        let name = Sample.name
        let tar = try await Programs.run(
          "tar",
          ["--format=posix"] + flags + [
            "-cf", again, "-C", scratch, "\(name)/metadata.json", "\(name)/node1_data", "\(name)/CHECKSUMS.sha256",
          ])
        try #require(tar.status == 0, "\(tar.errors)")
        var options = ArchiveReadOptions()
        options.allowUnverified = true
        let report = try? ArchiveVerifier.verify(path: again, options: options)
        // Without -S the sizes are others than the metadata declares.
        #expect((report != nil) == !flags.isEmpty, "\(flags)")
      }
    }
  }

  @Test func anArchiveWithoutThemIsReadByOlderReaders() {
    var metadata = Sample.metadata([Sample.volume])
    #expect(metadata.neededVersion == 1)
    metadata = Sample.metadata([Sample.second])
    #expect(metadata.neededVersion == 2)
  }
}
