import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// What looks like a RocksDB in use and is something else: stored as files, named, and no reason to refuse the database
/// beside it.
@Suite struct OtherStoreTests {
  private func others(_ volume: SmallVolume) throws -> [String] {
    let (snapshot, keys) = try volume.restored()
    #expect(keys == ["db": ["a", "db", "z"]])
    return snapshot.others.map(\.path)
  }

  @Test(arguments: ["db/cp.tmp", "cp", "db/cp/deeper"])
  func aCheckpointUnderWayIsNoSecondDatabase(_ path: String) throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let tables = try volume.names("db", \.isTableOrBlob)
      try volume.write("\(path)/notes")
      for name in tables { #expect(link("\(volume.path)/db/\(name)", "\(volume.path)/\(path)/\(name)") == 0) }
      #expect(try others(volume) == [path])
      #expect(Set(try volume.take().paths).isSuperset(of: tables.map { "\(path)/\($0)" }))
    }
  }

  @Test func aCheckpointUnderWayStandsInForNoMissingTable() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try volume.add("db")
      let tables = try volume.names("db", \.isTableOrBlob)
      #expect(tables.count > 1)
      try volume.write("db/cp.tmp/notes")
      for name in tables { #expect(link("\(volume.path)/db/\(name)", "\(volume.path)/db/cp.tmp/\(name)") == 0) }
      #expect(volume.refusal() == nil)
      #expect(unlink("\(volume.path)/db/\(tables[0])") == 0)
      #expect(volume.refusal()?.code == .databaseCorrupt)
    }
  }

  @Test func aTableOfACheckpointThatWasLeftBehindStandsInForNoMissingOne() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try volume.add("db")
      let table = try #require(try volume.names("db", \.isTableOrBlob).first)
      try volume.write("cp.tmp/notes")
      #expect(rename("\(volume.path)/db/\(table)", "\(volume.path)/cp.tmp/\(table)") == 0)
      let error = volume.refusal()
      #expect(error?.code == .databaseCorrupt && error?.message.contains(table) == true)
    }
  }

  @Test func aCheckpointThatWasLeftBehindIsStored() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      // Its tables are no longer the database's: other files under the same numbers.
      let tables = try volume.names("db", \.isTableOrBlob)
      for name in tables + ["000900.sst", "MANIFEST-000004"] { try volume.write("db/cp.tmp/\(name)") }
      #expect(try others(volume) == ["db/cp.tmp"])
      #expect(try volume.take().paths.contains("db/cp.tmp/000900.sst"))
    }
  }

  @Test func aCheckpointIsADatabase() async throws {
    try await withTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let made = try await Programs.run(
        "ldb", ["--db=\(volume.path)/db", "checkpoint", "--checkpoint_dir=\(volume.path)/db/cp"])
      try #require(made.status == 0, "\(made.errors)")
      #expect(try volume.restored().keys == ["db": ["a", "db", "z"], "db/cp": ["a", "db", "z"]])
    }
  }

  @Test(arguments: [true, false])
  func backupsOfTheBackupEngineAreNoDatabases(finished: Bool) async throws {
    try await withTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      for place in ["backup", "db/backup"] {
        let made = try await Programs.run(
          "ldb", ["--db=\(volume.path)/db", "backup", "--backup_dir=\(volume.path)/\(place)"])
        try #require(made.status == 0, "\(made.errors)")
        if !finished { #expect(unlink("\(volume.path)/\(place)/meta/1") == 0) }
      }
      #expect(try others(volume) == ["backup", "db/backup"])
      let paths = try volume.take().paths
      #expect(paths.contains("backup/private/1/CURRENT"))
      #expect(paths.contains { $0.hasPrefix("db/backup/shared_checksum/") && $0.hasSuffix(".sst") })
    }
  }

  @Test func aPebbleIsStoredAsFiles() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try volume.write("p/CURRENT", "MANIFEST-000001\n")
      try volume.write("p/MANIFEST-000001", "pebble")
      try volume.write("p/OPTIONS-000003", "[Version]\n  pebble_version=0.1\n")
      try volume.write("p/000005.sst", "table")
      #expect(try others(volume) == ["p"])
      #expect(Set(try volume.take().paths).isSuperset(of: ["p/CURRENT", "p/000005.sst", "p/OPTIONS-000003"]))
    }
  }

  @Test func aVolumeOfNothingElseIsNamedInTheRefusal() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: [])
      try volume.write("p/MANIFEST-000001", "pebble")
      try volume.write("p/CURRENT", "MANIFEST-000001\n")
      try volume.write("p/OPTIONS-000003", "[Version]\n  pebble_version=0.1\n")
      let error = volume.refusal()
      #expect(error?.code == .volumeNoDatabase && error?.message.contains("Pebble") == true)
    }
  }

  @Test func tablesUnderLevelDBsNameAreStored() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let tables = try volume.names("db", \.isTableOrBlob)
      let renamed = tables.map { "db/\($0.dropLast(4)).ldb" }
      for (old, new) in zip(tables, renamed) {
        #expect(rename("\(volume.path)/db/\(old)", "\(volume.path)/\(new)") == 0)
      }
      let (snapshot, keys) = try volume.restored()
      #expect(keys == ["db": ["a", "db", "z"]])
      #expect(Set(snapshot.paths).isSuperset(of: renamed))
    }
  }

  @Test func aLevelDBIsProvenWithItsTables() async throws {
    try await withTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: [])
      try volume.write("notes")
      // Read back by LevelDB itself: RocksDB with assertions aborts when it opens one for writing.
      func python(_ work: String, _ directory: String) async throws -> String {
        let script = "import plyvel, sys\nd = plyvel.DB(sys.argv[1], create_if_missing=True, write_buffer_size=65536)\n"
        let result = try await Programs.run("/usr/bin/python3", ["-c", script + work, directory])
        try #require(result.status == 0, "\(result.errors)")
        return result.output
      }
      _ = try await python("for i in range(3000): d.put(b'%06d' % i, b'v' * 200)", "\(volume.path)/db")
      let snapshot = try volume.take()
      for item in snapshot.items { try item.prove?() }
      try snapshot.unpack(to: "\(scratch)/copy")
      _ = try VolumeProof.check("\(scratch)/copy", scratch: scratch)
      #expect(try await python("print(sum(1 for _ in d))", "\(scratch)/copy/db") == "3000\n")
      #expect(snapshot.paths.contains { $0.hasSuffix(".ldb") })
    }
  }
}
