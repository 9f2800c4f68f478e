import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// Backups by the real binary, judged by stock tools.
@Suite struct BackupTests {
  @Test(arguments: ["gzip", "pigz", "zstd", "none"])
  func stockToolsRestoreAndVerifyAnArchive(compression: String) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let archive = try await fixture.backUp("--compression", compression)
      let sums = try await Programs.run("sha256sum", ["-c", "\(archive).sha256"], in: fixture.backups)
      #expect(sums.status == 0, "\(sums.errors)")
      let out = "\(fixture.root)/out"
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
      let tar = try await Programs.run("tar", ["-xf", archive, "-C", out])
      #expect(tar.status == 0, "\(tar.errors)")
      let name = try #require(try FileSystem.names(in: out).first)
      #expect(name.wholeMatch(of: /goud-chain-backup-local-\d{8}-\d{6}/) != nil)
      let files = try await Programs.run("sha256sum", ["--strict", "-c", "CHECKSUMS.sha256"], in: "\(out)/\(name)")
      #expect(files.status == 0, "\(files.errors)")
      #expect(try fixture.lastOperation("\(out)/\(name)/node1_data") == 2000)
      #expect(try fixture.lastOperation(volume) == 2000)
      for command in [
        ["ldb", "--db=\(out)/\(name)/node1_data/rocksdb", "checkconsistency"],
        ["sst_dump", "--file=\(out)/\(name)/node1_data/rocksdb", "--command=verify"],
      ] {
        let judge = try await Programs.run(command[0], Array(command.dropFirst()))
        #expect(judge.status == 0 && !judge.output.contains("orruption"), "\(judge.output)\(judge.errors)")
      }
    }
  }

  @Test func goudsOwnFilesInAVolumesRootAreNotStored() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      try FileManager.default.createDirectory(atPath: "\(volume)/notes", withIntermediateDirectories: true)
      for name in [".goud-standing.json", ".goud-restore.json", ".goud-later", "notes/.goud-kept", ".goudmine"] {
        try AtomicFile.write(Array("{}".utf8), to: "\(volume)/\(name)")
      }
      let listed = try await Programs.run("tar", ["-tf", try await fixture.backUp()]).output
      #expect(!listed.contains("node1_data/.goud-"), "\(listed)")
      #expect(listed.contains("node1_data/notes/.goud-kept") && listed.contains("node1_data/.goudmine"))
    }
  }

  @Test func aBackupOfARunningNodeHoldsEverythingItPromised() async throws {
    try await Fixture.with { fixture in
      let volume = "\(fixture.volumes)/node1_data"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let oracle = try Oracle(path: "\(fixture.root)/oracle")
      let arguments = [
        "write", "\(volume)/rocksdb", "--oracle", "\(fixture.root)/oracle", "--write-buffer", "65536", "--families",
        "3",
      ]
      let (archive, promised) = try await withWriter(arguments) { writer in
        try await waitUntil("2000 operations") { oracle.acknowledged > 2000 }
        let promised = oracle.acknowledged
        let archive = try await fixture.backUp()
        let after = oracle.acknowledged
        try await waitUntil("the writer to go on") { oracle.acknowledged > after }
        writer.send(SIGKILL)
        return (archive, promised)
      }
      try FileManager.default.removeItem(atPath: volume)
      let restored = try await fixture.goud("restore", archive, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try fixture.lastOperation(volume, families: 3) >= promised)
    }
  }

  @Test func anArchiveIsPrivateAndItsMetadataComesFirst() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume()
      let archive = try await fixture.backUp()
      #expect(try #require(try FileSystem.status(archive)).st_mode & 0o777 == 0o600)
      let list = try await Programs.run("tar", ["-tzf", archive]).output.split(separator: "\n")
      #expect(list.first(where: { !$0.hasSuffix("/") })?.hasSuffix("/metadata.json") == true)
      #expect(list.last?.hasSuffix("/CHECKSUMS.sha256") == true)
    }
  }

  @Test func aBackupChangesNothingInTheVolume() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let before = try await fixture.tree(volume)
      _ = try await fixture.backUp()
      #expect(try await fixture.tree(volume) == before)
      #expect(try FileSystem.names(in: fixture.volumes) == ["node1_data"])
    }
  }

  @Test func namesWithSpacesNewlinesAndUmlautsTravel() async throws {
    try await Fixture.with { fixture in
      let name = "knoten eins\nzwei ü"
      let volume = try await fixture.makeVolume(name)
      try Data("x".utf8).write(to: URL(fileURLWithPath: "\(volume)/a file\nwith ü \\ back"))
      let archive = try await fixture.backUp("--volume", volume)
      let before = try await fixture.tree(volume)
      try FileManager.default.removeItem(atPath: volume)
      let restored = try await fixture.goud("restore", archive, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      // RocksDB's lock and its information log are not part of a backup.
      let after = try await fixture.tree(volume).split(separator: "\n")
      let missing = Set(before.split(separator: "\n")).subtracting(after)
      #expect(missing.allSatisfy { $0.contains("LOCK") || $0.contains("LOG") || $0.contains("OPTIONS") }, "\(missing)")
    }
  }
}
