import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Restores by the real binary: what it refuses, and that nothing has changed then.
@Suite struct RestoreTests {
  /// A backup of two nodes, whose volumes have gone on since.
  private func prepared(_ fixture: Fixture) async throws -> String {
    for name in ["node1_data", "node2_data"] { try await fixture.makeVolume(name, operations: 300) }
    let archive = try await fixture.backUp()
    for name in ["node1_data", "node2_data"] {
      try await writeDatabase("\(fixture.volumes)/\(name)/rocksdb", operations: 500)
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/\(name)/rocksdb.oracle")
    }
    return archive
  }

  private func expectRefusal(
    _ fixture: Fixture, _ arguments: [String], _ status: Int32, _ code: String,
    _ location: SourceLocation = #_sourceLocation
  ) async throws {
    let before = try await fixture.tree(fixture.home)
    let result = try await fixture.goud(["restore", "--format", "json"] + arguments)
    #expect(result.status == status, "\(result.errors)", sourceLocation: location)
    #expect(result.errors.contains("\"code\" : \"\(code)\""), "\(result.errors)", sourceLocation: location)
    #expect(result.errors.contains("\"hint\""), "\(result.errors)", sourceLocation: location)
    #expect(try await fixture.tree(fixture.home) == before, sourceLocation: location)
  }

  @Test func aRestoreGoesBackAndARollbackForth() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let volumes = ["node1_data", "node2_data"].map { "\(fixture.volumes)/\($0)" }
      for (arguments, expected) in [
        (["restore", archive, "--yes"], UInt64(300)), (["restore", "--rollback", "--yes"], 500),
        (["restore", "--rollback", "node1", "--yes"], 300),
      ] {
        let result = try await fixture.goud(arguments)
        #expect(result.status == 0, "\(result.errors)")
        #expect(try fixture.lastOperation(volumes[0]) == expected)
      }
      #expect(try fixture.lastOperation(volumes[1]) == 500)
    }
  }

  /// Beside the volumes, nobody is asked who uses them; in their place, nothing happens before the engine has answered.
  @Test func onlyARestoreInPlaceAsksTheEngine() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let away = ["RUNTIME": "docker", "DOCKER_HOST": "unix://\(fixture.root)/nobody.sock"]
      let before = try await fixture.tree(fixture.home)
      let inPlace = try await fixture.goud(["restore", archive, "--yes"], environment: away)
      #expect(inPlace.status == 14, "\(inPlace.errors)")
      #expect(inPlace.errors.contains("hint: "))
      #expect(try await fixture.tree(fixture.home) == before)
      let words = ["restore", archive, "--yes", "--volume", "node1_data", "--to", "\(fixture.root)/beside"]
      let beside = try await fixture.goud(words, environment: away)
      #expect(beside.status == 0, "\(beside.errors)")
      #expect(try fixture.lastOperation("\(fixture.root)/beside") == 300)
    }
  }

  @Test func whatTheArgumentsGetWrongIsRefused() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      try await expectRefusal(fixture, [archive], 13, "restore.confirmation-needed")
      try await expectRefusal(fixture, [archive, "--yes", "--env", "gcp"], 13, "restore.wrong-environment")
      try await expectRefusal(fixture, [archive, "--yes", "--volume", "node9_data"], 10, "volume.not-found")
      try await expectRefusal(fixture, [archive, "--yes", "--to", "\(fixture.root)/x"], 13, "volume.ambiguous")
      try await expectRefusal(fixture, ["no-such.tar.gz", "--yes"], 10, "archive.not-found")
      try await expectRefusal(fixture, ["--rollback", "--yes"], 10, "restore.nothing-to-roll-back")
      #expect(try await fixture.goud("restore").status == 64)
      #expect(try await fixture.goud("restore", "--rollback", "--to", "x").status == 64)
    }
  }

  @Test func aDryRunTouchesNothing() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let before = try await fixture.tree(fixture.home)
      let result = try await fixture.goud("restore", archive, "--dry-run")
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("\(fixture.volumes)/node2_data"))
      #expect(try await fixture.tree(fixture.home) == before)
    }
  }

  @Test func whatIsThereDecides() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let one = [archive, "--yes", "--volume", "node1_data", "--to"]
      let full = "\(fixture.home)/full"
      try FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
      try Data("x".utf8).write(to: URL(fileURLWithPath: "\(full)/letter"))
      try await expectRefusal(fixture, one + [full], 13, "restore.not-a-volume")
      try await expectRefusal(fixture, one + ["\(full)/letter"], 13, "restore.not-a-volume")
      try FileManager.default.createSymbolicLink(atPath: "\(full)/link", withDestinationPath: "nowhere")
      try await expectRefusal(fixture, one + ["\(full)/link"], 13, "restore.not-a-volume")
      let foreign = "\(fixture.volumes)/node2_data"
      try await expectRefusal(fixture, one + [foreign], 13, "restore.foreign-volume")
      let insisted = try await fixture.goud(["restore"] + one + [foreign, "--replace-foreign"])
      #expect(insisted.status == 0, "\(insisted.errors)")
      #expect(try fixture.lastOperation(foreign) == 300)
    }
  }

  @Test func anOpenDatabaseIsRefusedByItsProcess() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let database = "\(fixture.volumes)/node1_data/rocksdb"
      let arguments = ["write", database, "--oracle", "\(fixture.root)/oracle", "--operations", "600", "--hold"]
      try await withWriter(arguments) { writer in
        try await waitUntil("the lock") { LockHolder.find(kind: "POSIX", path: "\(database)/LOCK") != nil }
        // The node writes its own files meanwhile: nothing beside it is the claim.
        let result = try await fixture.goud("restore", archive, "--yes", "--format", "json")
        #expect(result.status == 13 && result.errors.contains("volume.database-open"), "\(result.errors)")
        #expect(result.errors.contains("\(writer.pid)"))
        #expect(try FileSystem.names(in: fixture.volumes).sorted() == ["node1_data", "node2_data"])
      }
    }
  }

  @Test func aVolumeInUseByAnotherRunIsRefused() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let volume = "\(fixture.volumes)/node2_data"
      let lock = try DirectoryLock(volume)
      try await expectRefusal(fixture, [archive, "--yes"], 11, "volume.locked")
      withExtendedLifetime(lock) {}
      // A lock file that a killed run left locks nobody out.
      try Data().write(to: URL(fileURLWithPath: "\(fixture.volumes)/.node1_data.goud-lock"))
    }
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let path = "\(fixture.volumes)/.node1_data.goud-lock"
      try Data().write(to: URL(fileURLWithPath: path))
      #expect(try await fixture.goud("restore", archive, "--yes").status == 0)
      #expect(try FileSystem.status(path) == nil)
      // Nor does the volume need to be there for two runs to keep apart.
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/node1_data")
      let file = try Descriptor.open(path, O_RDWR | O_CREAT)
      #expect(flock(file.fd, LOCK_EX | LOCK_NB) == 0)
      try await expectRefusal(fixture, [archive, "--yes"], 11, "volume.locked")
    }
  }

  @Test func damagedAndUncheckedArchivesAreRefused() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let sum = "\(archive).sha256"
      try FileManager.default.moveItem(atPath: sum, toPath: "\(sum).away")
      try await expectRefusal(fixture, [archive, "--yes"], 13, "archive.checksum-missing")
      let insisted = try await fixture.goud("restore", archive, "--yes", "--allow-unverified")
      #expect(insisted.status == 0, "\(insisted.errors)")
      try FileManager.default.moveItem(atPath: "\(sum).away", toPath: sum)
      let file = try Descriptor.open(archive, O_RDWR)
      #expect(ftruncate(file.fd, off_t(try file.status().st_size - 1000)) == 0)
      let before = try await fixture.tree(fixture.home)
      #expect(try await fixture.goud("restore", archive, "--yes").status == 12)
      #expect(try await fixture.tree(fixture.home) == before)
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func anInterruptedRestoreLeavesNothing(signal: Int32) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 300)
      try Data(count: 256 << 20).write(to: URL(fileURLWithPath: "\(volume)/further"))
      let archive = try await fixture.backUp("--compression", "none")
      let target = "\(fixture.volumes)/copy"
      let script = """
        "$1" restore "$2" --to "$3/copy" --yes & pid=$!
        until ls -A "$3" | grep -q '^\\.copy\\.restore-'; do kill -0 $pid || exit 99; done
        kill -$4 $pid; wait $pid
        """
      // Bash, since sh starts what runs in the background with SIGINT ignored.
      let result = try await Programs.run(
        "bash", ["-mc", script, "-", Programs.built("goud"), archive, fixture.volumes, "\(signal)"],
        environment: ["GOUD_HOME": fixture.home, "GOUD_CONFIG_DIR": Checkout.path("config")])
      #expect(result.status == 128 + signal, "\(result.errors)")
      #expect(try FileSystem.status(target) == nil)
      #expect(try FileSystem.names(in: fixture.volumes) == ["node1_data"])
    }
  }

  @Test func anInterruptedRestoreIsSettledOnRequest() async throws {
    try await Fixture.with { fixture in
      let archive = try await prepared(fixture)
      let log = "\(fixture.root)/steps"
      for (point, expected) in [("restore.ready", UInt64(500)), ("restore.exchanged", 300)] {
        try? FileManager.default.removeItem(atPath: log)
        let run = ["restore", archive, "--yes"]
        #expect(try await fixture.goud(run, environment: ["GOUD_KILL_LOG": log]).status == 0)
        #expect(try await fixture.goud("restore", "--rollback", "--yes").status == 0)
        let steps = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
        let step = try #require(steps.firstIndex(of: point)) + 1
        #expect(try await fixture.goud(run, environment: ["GOUD_KILL_AT": "\(step)"]).status == 137)
        let settled = try await fixture.goud("restore", "--settle")
        #expect(settled.status == 0 && settled.output.contains("goud-chain-backup"), "\(settled.errors)")
        for name in ["node1_data", "node2_data"] {
          #expect(try fixture.lastOperation("\(fixture.volumes)/\(name)") == expected)
        }
        #expect(try await fixture.goud("restore", "--settle").output == "")
      }
    }
  }

  /// As the guide's scripts made them: `<name>/{metadata.txt, <volume>.tar.gz, ….sha256, CHECKSUMS.sha256}`.
  @Test func archivesOfTheGuidesScriptsRestore() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 300)
      let script = """
        set -e; name=goud-chain-backup-local-20241017-143025; mkdir -p "$1/$name"; cd "$1/$name"
        tar -czf node1_data.tar.gz -C "$2" .
        sha256sum node1_data.tar.gz > node1_data.tar.gz.sha256
        printf 'Backup Timestamp: 20241017-143025\\nEnvironment: local\\n' > metadata.txt
        sha256sum *.tar.gz metadata.txt > CHECKSUMS.sha256
        cd ..; tar -czf "$name.tar.gz" "$name"; rm -r "$name"
        """
      let made = try await Programs.run("sh", ["-c", script, "-", fixture.backups, volume])
      try #require(made.status == 0, "\(made.errors)")
      try await writeDatabase("\(volume)/rocksdb", operations: 500)
      let archive = "\(fixture.backups)/goud-chain-backup-local-20241017-143025.tar.gz"
      try await expectRefusal(fixture, [archive, "--yes", "--env", "gcp"], 13, "restore.wrong-environment")
      let restored = try await fixture.goud("restore", archive, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try fixture.lastOperation(volume) == 300)
    }
  }
}
