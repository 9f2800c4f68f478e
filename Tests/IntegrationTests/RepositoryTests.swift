import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

#if canImport(Glibc)
  import Glibc
#endif

/// Backups in a repository, with stock restic as the judge.
@Suite struct RepositoryCommandTests {
  @Test func whatIsCommittedIsRestoredByGoudAndByRestic() async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = try await fixture.makeVolume(operations: 20000)
      let made = try await repository.commit()
      try await repository.isSound()
      let stock = "\(fixture.root)/stock"
      let restored = try await repository.restic("restore", "latest", "--target", stock)
      #expect(restored.status == 0, "\(restored.errors)")
      try await repository.isSame(volume, "\(stock)/node1_data")
      #expect(try FileSystem.names(in: "\(stock)/.goud").sorted() == ["files.json", "metadata.json"])
      try FileManager.default.removeItem(atPath: volume)
      try await repository.run("restore", "--yes")
      try await repository.isSame(volume, "\(stock)/node1_data")
      // By the name that stock restic gives it.
      let snapshot = try #require(made.snapshots["node1_data"])
      try await repository.run("restore", String(snapshot.prefix(8)), "--to", "\(fixture.root)/beside", "--yes")
      try await repository.isSame("\(fixture.root)/beside", "\(stock)/node1_data")
    }
  }

  @Test func whatDidNotChangeIsNeitherReadNorStored() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume(operations: 20000)
      let first = try await repository.commit()
      #expect(first.knownTables == 0 && first.newBytes > 0)
      let second = try await repository.commit()
      // What is said of the backup itself is new.
      #expect(second.knownTables > 0 && second.newBytes < 10_000, "\(second)")
      let third = try await repository.commit("--rescan")
      #expect(third.knownTables == 0 && third.newBytes < 10_000, "\(third)")
      let listed = try await repository.run("backup", "list", "--format", "json")
      for made in [first, second, third] { #expect(listed.output.contains(made.id)) }
      let shown = try await repository.restic("snapshots", "--json", "--tag", "volume=node1_data,commit=\(second.id)")
      #expect(shown.output.contains(try #require(second.snapshots["node1_data"])), "\(shown.output)")
    }
  }

  @Test func everyLevelOfProofReadsARepository() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume()
      _ = try await repository.commit()
      for level in ["checksums", "database"] {
        let verified = try await repository.run("backup", "verify", "latest", "--level", level)
        #expect(verified.output.contains("whole"), "\(verified.output)")
      }
      let chain = try await repository.goud("backup", "verify", "latest", "--level", "chain")
      #expect(chain.status == 10 || chain.status == 13, "\(chain.errors)")
      #expect(try FileSystem.names(in: repository.fixture.backups).isEmpty)
    }
  }

  @Test func aWrongPasswordAndWhatIsNoRepositoryAreTold() async throws {
    try await RepositoryFixture.with { repository in
      let wrong = "\(repository.fixture.root)/wrong"
      try AtomicFile.write(Array("another".utf8), to: wrong)
      let denied = try await repository.goud("backup", "list", "--password-file", wrong)
      #expect(denied.status == 13 && denied.errors.contains("opens with this password"), "\(denied.errors)")
      try AtomicFile.write(Array("\n".utf8), to: wrong)
      let empty = try await repository.goud("backup", "list", "--password-file", wrong)
      #expect(empty.status != 0 && empty.errors.contains("holds no password"), "\(empty.errors)")
      let again = try await repository.goud("repo", "init")
      #expect(again.status == 13, "\(again.errors)")
      let none = try await repository.fixture.goud(
        ["backup", "list", "--repo", "\(repository.fixture.root)/nothing"], environment: repository.environment)
      #expect(none.status == 10 && none.errors.contains("repo init"), "\(none.errors)")
      let without = try await repository.fixture.goud("backup", "list", "--repo", repository.place)
      #expect(without.status == 64 && without.errors.contains("needs a password"), "\(without.errors)")
    }
  }

  /// Stock restic forgets, prunes and adds keys; goud reads on, and the other way round.
  @Test func goudAndResticLookAfterOneRepository() async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = try await fixture.makeVolume(operations: 20000)
      let first = try await repository.commit()
      try FileManager.default.removeItem(atPath: volume)
      try await fixture.makeVolume(operations: 5000, ["--seed", "7"])
      _ = try await repository.commit()
      let snapshot = try #require(first.snapshots["node1_data"])
      let forgotten = try await repository.restic("forget", snapshot, "--prune")
      #expect(forgotten.status == 0, "\(forgotten.errors)")
      try await repository.isSound()
      try await repository.run("repo", "check", "--read-data")
      try await repository.run("backup", "verify", "latest", "--level", "database")
      _ = try await repository.commit()
      let thinned = try await repository.run("backup", "forget", "--keep-last", "1", "--prune")
      #expect(thinned.output.contains("deleted"), "\(thinned.output)")
      try await repository.isSound()
      #expect(try await repository.restic("snapshots").output.contains("1 snapshots"))
    }
  }

  @Test func aLockOfResticKeepsGoudOutOfWhatDeletes() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume()
      _ = try await repository.commit()
      // A backup of restic's that is under way.
      let locks = "\(repository.place)/locks"
      let script = """
        repository=$1 locks=$2 goud=$3 pipe=$4
        mkfifo "$pipe"
        restic -r "$repository" backup --stdin --stdin-filename x <"$pipe" & child=$!
        exec 9>"$pipe"
        until [ -n "$(ls "$locks")" ]; do kill -0 $child || exit; sleep 0.02; done
        "$goud" backup forget --repo "$repository" --keep-last 1; echo "forget $?"
        "$goud" backup list --repo "$repository" >/dev/null; echo "list $?"
        exec 9>&-
        wait $child
        """
      let held = try await Programs.run(
        "/bin/sh",
        ["-c", script, "sh", repository.place, locks, Programs.built("goud"), "\(repository.fixture.root)/pipe"],
        environment: repository.fixture.surroundings.merging(repository.environment) { $1 })
      #expect(held.output.contains("forget 11") && held.output.contains("list 0"), "\(held.output) \(held.errors)")
    }
  }

  @Test func damageIsNamedWithWhatItTakesAlongAndHealedByTheNextBackup() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume(operations: 20000)
      let made = try await repository.commit()
      // The largest pack is one of data.
      let packs = try await Programs.run(
        "/bin/sh", ["-c", "find \"$1/data\" -type f -size +0 -printf '%s %p\\n' | sort -rn", "sh", repository.place])
      let largest = try #require(packs.output.split(separator: "\n").first?.split(separator: " ").last)
      try FileManager.default.removeItem(atPath: String(largest))
      let checked = try await repository.goud("repo", "check")
      #expect(checked.status == 12 && checked.output.contains("LOST of \(made.id)"), "\(checked.output)")
      let verified = try await repository.goud("backup", "verify", "latest")
      #expect(verified.status == 12, "\(verified.errors)")
      let restored = try await repository.goud("restore", "--to", "\(repository.fixture.root)/out", "--yes")
      #expect(restored.status == 12 && !FileManager.default.fileExists(atPath: "\(repository.fixture.root)/out"))
      #expect(try await repository.goud("repo", "repair").status == 3)
      _ = try await repository.commit()
      try await repository.run("repo", "check", "--read-data")
      try await repository.run("backup", "verify", made.id)
      try await repository.isSound()
    }
  }

  @Test func aFlippedByteIsSetAsideAndStoredAnew() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume(operations: 20000)
      let made = try await repository.commit()
      let packs = try await Programs.run(
        "/bin/sh",
        [
          "-c", "find \"$1/data\" -type f -size +0 -printf '%s %p\\n' | sort -rn | head -1 | cut -d' ' -f2", "sh",
          repository.place,
        ])
      let pack = packs.output.trimmingCharacters(in: .newlines)
      let file = try Descriptor.open(pack, O_RDWR)
      var byte: [UInt8] = [0]
      _ = try byte.withUnsafeMutableBytes { try file.read(into: $0, at: 100) }
      byte[0] ^= 1
      #expect(pwrite(file.fd, byte, 1, 100) == 1)
      let checked = try await repository.goud("repo", "check", "--read-data")
      #expect(checked.status == 12 && checked.output.contains("LOST of \(made.id)"), "\(checked.output)")
      #expect(try await repository.goud("repo", "repair", "--read-data").status == 3)
      _ = try await repository.commit()
      try await repository.run("repo", "check", "--read-data")
      try await repository.run("backup", "verify", made.id)
      try await repository.isSound()
      let aside = try FileSystem.names(in: "\(repository.place)/goud/damaged")
      #expect(aside == [FileSystem.name(of: pack)], "what is damaged is kept")
    }
  }

  /// The same file, under a name more, is what a table is that was not fetched. Four families are four tables at
  /// least, whatever was compacted.
  @Test func whatIsInPlaceIsNotFetched() async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = try await fixture.makeVolume(operations: 20000, ["--families", "4"])
      _ = try await repository.commit()
      let tables = try FileSystem.names(in: "\(volume)/rocksdb").filter { $0.hasSuffix(".sst") }.sorted()
      try #require(tables.count > 1)
      let before = try tables.map { try #require(try FileSystem.status("\(volume)/rocksdb/\($0)")).identity }
      // One of them is damaged, so it is not the same.
      let damaged = "\(volume)/rocksdb/\(tables[0])"
      let file = try Descriptor.open(damaged, O_RDWR)
      #expect(pwrite(file.fd, [UInt8(0xaa), 0xbb], 2, 50) == 2)
      try await repository.run("restore", "--delta", "--yes")
      let after = try tables.map { try #require(try FileSystem.status("\(volume)/rocksdb/\($0)")).identity }
      #expect(after[0] != before[0] && Array(after[1...]) == Array(before[1...]))
      let proven = try await repository.fixture.goud("volume", "inspect", "node1_data")
      #expect(proven.status == 0, "\(proven.errors)")
      #expect(try fixture.lastOperation(volume, families: 4) == 20000)
    }
  }

  @Test func anArchiveGoesInAndComesOut() async throws {
    try await RepositoryFixture.with { repository in
      let fixture = repository.fixture
      let volume = try await fixture.makeVolume(operations: 5000)
      let archive = try await fixture.backUp()
      try await repository.run("backup", "import", archive)
      try await repository.isSound()
      let out = "\(fixture.root)/out"
      try await repository.run("backup", "export", "latest", "-d", out)
      let exported = try #require(try FileSystem.names(in: out).first { $0.hasSuffix(".tar.gz") })
      #expect(exported == FileSystem.name(of: archive))
      let verified = try await fixture.goud("backup", "verify", "\(out)/\(exported)", "--level", "database")
      #expect(verified.status == 0, "\(verified.errors)")
      let restored = try await fixture.goud("restore", "\(out)/\(exported)", "--to", "\(fixture.root)/back", "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      try await repository.isSame(volume, "\(fixture.root)/back")
    }
  }

  @Test(arguments: ["--systemd", "--cron"]) func aScheduleBacksUpIntoARepository(_ scheduler: String) async throws {
    try await RepositoryFixture.with { repository in
      let words = ["schedule", "install", scheduler, "--print", "--repo", "repository"]
      let printed = try await repository.fixture.goud(words, environment: repository.environment)
      let root = repository.fixture.root
      #expect(printed.status == 0, "\(printed.errors)")
      #expect(
        printed.output.contains("--repo \(repository.place) --password-file \(root)/password"), "\(printed.output)")
      if scheduler == "--systemd" {
        let line = printed.output.split(separator: "\n").first { $0.hasPrefix("ReadWritePaths=") }
        #expect(line?.contains(repository.place) == true, "\(printed.output)")
      }
      #expect(!printed.output.contains(RepositoryFixture.password))
      let unnamed = try await repository.fixture.goud(
        words, environment: ["RESTIC_PASSWORD": RepositoryFixture.password])
      #expect(unnamed.status == 64 && unnamed.errors.contains("file alone"), "\(unnamed.errors)")
    }
  }

  /// What the ticks since have stored would be worth nothing without it.
  @Test func aBackupOnWhichATailStandsIsKept() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume()
      let followed = try await repository.commit()
      let digest = try await Programs.run("/bin/sh", ["-c", "printf local/node1_data | sha256sum | cut -c1-16"])
      let tail = "\(repository.place)/tail/\(digest.output.prefix(16))/\(followed.id)"
      try FileManager.default.createDirectory(atPath: tail, withIntermediateDirectories: true)
      try AtomicFile.write([1], to: "\(tail)/00000000000000000000")
      let beside = try await repository.commit()
      _ = try await repository.commit()
      let thinned = try await repository.run("backup", "forget", "--keep-last", "1", "--format", "json")
      let listed = try await repository.run("backup", "list")
      #expect(listed.output.contains(followed.id) && !listed.output.contains(beside.id), "\(thinned.output)")
      #expect(thinned.output.contains("\"tail\""), "\(thinned.output)")
    }
  }

  @Test func passwordsComeAndGo() async throws {
    try await RepositoryFixture.with { repository in
      let second = "\(repository.fixture.root)/second"
      try AtomicFile.write(Array("battery staple".utf8), to: second)
      try await repository.run("repo", "key", "add", "--new-password-file", second)
      let keys = try await repository.run("repo", "key", "list", "--password-file", second, "--format", "json")
      struct Key: Decodable {
        let id: String
        let inUse: Bool
      }
      let listed = try JSONDecoder().decode([Key].self, from: Data(keys.output.utf8))
      #expect(listed.count == 2)
      let own = try #require(listed.first { $0.inUse }).id
      #expect(try await repository.goud("repo", "key", "remove", own, "--password-file", second).status == 13)
      let other = try #require(listed.first { !$0.inUse }).id
      try await repository.run("repo", "key", "remove", other, "--password-file", second)
      #expect(try await repository.goud("repo", "stats").status == 13)
      try await repository.run("repo", "stats", "--password-command", "cat \(second)")
    }
  }
}
