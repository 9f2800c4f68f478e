import Archive
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import Volumes

@Suite struct VolumeInspectionTests {
  @Test func aVolumeIsDescribedDownToItsLevels() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      chmod(volume.path, 0o751)
      let (seen, fault) = try fixture.inspector.inspect(volume)
      let database = try #require(seen.databases.first)
      #expect(fault == nil && seen.databases.count == 1 && database.path == "rocksdb" && database.fault == nil)
      #expect(database.sequence == 201 && database.tables == 2)
      #expect(database.estimatedKeys == 200, "entries of both tables: an estimate, and never 0")
      #expect(database.families?.map(\.name).sorted() == ["blocks", "default"])
      #expect(database.families?.first { $0.name == "blocks" }?.levels[0].files == 2)
      #expect(database.writtenBy == RocksDBLibrary.version && database.optionsFile?.hasPrefix("OPTIONS-") == true)
      let compression = database.options.first { $0.name == "compression" && $0.family == "blocks" }
      #expect(compression?.value == "kSnappyCompression" && database.options[0].family == nil)
      #expect(seen.mode == "0751" && seen.owner == geteuid() && seen.state == .stopped && seen.usedBy == nil)
      #expect(seen.files.first { $0.kind == .tables }?.files == 2 && seen.usedPercent > 0)
    }
  }

  @Test func severalDatabasesAreAllSeen() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      try makeDatabase("\(volume.path)/state/db")
      #expect(try fixture.inspector.inspect(volume).0.databases.map(\.path) == ["rocksdb", "state/db"])
    }
  }

  @Test(.timeLimit(.minutes(5)), arguments: ["IDENTITY", "CURRENT", "OPTIONS-999999", "LOCK", "LOG"])
  func aPipeInAVolumeIsNotWaitedFor(_ name: String) throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      unlink("\(volume.path)/rocksdb/\(name)")
      #expect(mkfifo("\(volume.path)/rocksdb/\(name)", 0o600) == 0)
      let (seen, fault) = try fixture.inspector.inspect(volume)
      #expect(seen.databases.count == 1)
      #expect(fault?.code == (["LOCK", "LOG"].contains(name) ? nil : .volumeUnsafe))
      #expect(try VolumeSummary(volume).databases == ["rocksdb"])
    }
  }

  @Test func otherStoresAreNoDamagedDatabases() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      for (name, text) in [("MANIFEST-000001", "pebble"), ("OPTIONS-000003", "[Version]\n  pebble_version=0.1\n")] {
        let directory = "\(volume.path)/p"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
      }
      let (seen, fault) = try fixture.inspector.inspect(volume)
      #expect(fault == nil && seen.databases.map(\.path) == ["rocksdb"])
    }
  }

  @Test func goudsOwnLockIsShown() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let lock = try DirectoryLock(volume.path)
      #expect(try fixture.inspector.inspect(volume).0.usedBy?.pid == getpid())
      withExtendedLifetime(lock) {}
    }
  }

  @Test func aMissingTableIsAFaultAndTheRestIsShown() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let table = try file(".sst", in: "\(volume.path)/rocksdb")
      try FileManager.default.removeItem(atPath: table)
      let (seen, fault) = try fixture.inspector.inspect(volume)
      #expect(fault?.code == .databaseCorrupt && fault?.message.contains(FileSystem.name(of: table)) == true)
      #expect(seen.databases[0].sequence == nil && seen.databases[0].writtenBy == RocksDBLibrary.version)
      #expect(seen.databases[0].fault?.code == .databaseCorrupt && seen.bytes.bytes > 0)
    }
  }

  @Test func aTruncatedManifestIsAFault() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let name = try FileSystem.names(in: "\(volume.path)/rocksdb").first { $0.hasPrefix("MANIFEST") }!
      truncate("\(volume.path)/rocksdb/\(name)", 20)
      #expect(try fixture.inspector.inspect(volume).fault?.code == .databaseCorrupt)
    }
  }

  @Test func aMissingCurrentIsAFault() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      try FileManager.default.removeItem(atPath: "\(volume.path)/rocksdb/CURRENT")
      #expect(try fixture.inspector.inspect(volume).fault?.message.contains("CURRENT is missing") == true)
    }
  }

  @Test func cancellationStopsIt() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let inspector = fixture.inspector
      inspector.cancellation.cancel(signal: SIGINT)
      expectFailure(.interrupted) { try inspector.inspect(volume) }
      expectFailure(.interrupted) { try VolumeCheck.run([volume], inspector) }
    }
  }

  @Test func leftoversAreFoundBesideTheVolume() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let parent = fixture.configuration.volumesDirectory
      try makeFile("\(parent)/.node1_data.restore-7/rocksdb/000001.sst", bytes: 300)
      try makeFile("\(parent)/.node1_data.replaced-20260101/x", bytes: 200)
      try makeFile("\(parent)/.node1_data.swapping-7/x", bytes: 400)
      try makeFile("\(parent)/.node1_data.discarded-7/x", bytes: 500)
      try makeFile("\(volume.path)/.goud-restore.json", bytes: 600)
      try makeFile("\(parent)/.node1_data.json.goud-tmp-r000000000000001", bytes: 100)
      let owned = try AtomicFile(path: "\(parent)/node1_data.json")
      try makeFile("\(parent)/.node2_data.restore-7/x")
      let found = try fixture.inspector.inspect(volume).0.leftovers
      #expect(found.map(\.kind) == [.temporary, .temporary, .safetyCopy, .staging, .staging, .staging])
      #expect(found.map(\.bytes.bytes) == [500, 100, 200, 300, 400, 600])
      withExtendedLifetime(owned) {}
    }
  }
}
