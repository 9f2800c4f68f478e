import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Volumes

@Suite struct VolumeStateTests {
  @Test func anOpenDatabaseIsOpenUntilItsProcessEnds() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = Volume(name: "node1_data", path: "\(fixture.configuration.volumesDirectory)/node1_data")
      try makeDirectory(volume.path)
      let database = "\(volume.path)/rocksdb"
      let arguments = [database, "--oracle", "\(root)/oracle", "--operations", "50", "--hold"]
      try await withWriter(arguments) { writer in
        try await waitUntil("the lock") { try DatabaseLock.holder(of: database) != nil }
        #expect(try DatabaseLock.holder(of: database)?.pid == writer.pid)
        #expect(try DatabaseLock.holder(of: database)?.command.hasPrefix("goud-writer") == true)
        try await waitUntil("the database") { try VolumeSummary(volume).state == .open }
        let (seen, fault) = try fixture.inspector.inspect(volume)
        #expect(fault == nil && seen.state == .open && seen.databases[0].openBy?.pid == writer.pid)
      }
      try await waitUntil("the lock to end") { try DatabaseLock.holder(of: database) == nil }
      #expect(try VolumeSummary(volume).state == .stopped)
    }
  }

  @Test func aDatabaseWithoutALockFileIsHeldByNobody() throws {
    try inTemporaryDirectory { root in
      let holder = try DatabaseLock.holder(of: root)
      #expect(holder == nil)
    }
  }

  @Test func aSummaryTellsNamesSizesAndState() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      try makeFile("\(volume.path)/jwt_secret", bytes: 1000)
      let summary = try VolumeSummary(volume)
      #expect(summary.name == "node1_data" && summary.path == volume.path && summary.databases == ["rocksdb"])
      #expect(summary.state == .stopped && summary.bytes.bytes > 1000 && summary.files > 5)
    }
  }

  @Test func aDatabaseWhoseManifestIsGoneIsDamaged() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let database = "\(volume.path)/rocksdb"
      let name = try FileSystem.names(in: database).first { $0.hasPrefix("MANIFEST") }!
      try FileManager.default.moveItem(atPath: "\(database)/\(name)", toPath: "\(root)/manifest")
      #expect(try VolumeSummary(volume).state == .damaged)
      try FileManager.default.moveItem(atPath: "\(root)/manifest", toPath: "\(database)/\(name)")
      #expect(try VolumeSummary(volume).state == .stopped)
      try Data("MANIFEST-000005".utf8).write(to: URL(fileURLWithPath: "\(database)/CURRENT"))
      #expect(try VolumeSummary(volume).state == .damaged, "CURRENT without its newline was not written whole")
      try FileManager.default.removeItem(atPath: "\(database)/CURRENT")
      #expect(try VolumeSummary(volume).state == .damaged)
    }
  }

  @Test func aVolumeWithoutADatabaseSaysSo() throws {
    try inTemporaryDirectory { root in
      let state = try VolumeSummary(Volume(name: "x", path: root)).state
      #expect(state == .noDatabase)
    }
  }

  @Test func aRestoreThatIsNotOverShows() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      try makeFile("\(fixture.configuration.volumesDirectory)/.node2_data.restore-1/x")
      #expect(try VolumeSummary(volume).state == .stopped, "another volume's restore")
      try makeFile("\(fixture.configuration.volumesDirectory)/.node1_data.restore-1/x")
      #expect(try VolumeSummary(volume).state == .restorePending)
      try FileManager.default.removeItem(atPath: "\(fixture.configuration.volumesDirectory)/.node1_data.restore-1")
      try makeFile("\(fixture.configuration.volumesDirectory)/.node1_data.replaced-20260101-000000/x")
      #expect(try VolumeSummary(volume).state == .stopped, "a safety copy is there on purpose")
      try makeFile("\(volume.path)/.goud-restore.json")
      #expect(try VolumeSummary(volume).state == .restorePending, "swapped in, not confirmed")
    }
  }

  @Test func theInventoryCountsEachFileOnceByKind() throws {
    try inTemporaryDirectory { root in
      for name in [
        "000001.sst", "000002.ldb", "000003.blob", "000004.log", "MANIFEST-000005", "CURRENT", "OPTIONS-000006", "LOG",
        "LOG.old.17", "LOCK", "IDENTITY", "notes.log", "deep/er/000007.sst",
      ] { try makeFile("\(root)/\(name)", bytes: 10) }
      try makeFile("\(root)/jwt_secret", bytes: 5, mode: 0o640)
      try makeFile("\(root)/deep/validator_key", bytes: 5)
      #expect(link("\(root)/000001.sst", "\(root)/same.sst") == 0)
      try FileManager.default.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: "/etc")
      truncate("\(root)/notes.log", 1 << 20)
      let inventory = try VolumeInventory(of: root)
      let counts = Dictionary(uniqueKeysWithValues: inventory.shares.map { ($0.kind, $0.files) })
      // The second name of 000001.sst may be met first, and then it is not a table's name.
      #expect(counts[.tables]! + counts[.other]! == 3 + 3 && counts[.blobs] == 1 && counts[.logs] == 1)
      #expect(counts[.manifest] == 2 && counts[.options] == 1 && counts[.infoLogs] == 2 && counts[.secrets] == 2)
      #expect(inventory.bytes.bytes == 12 * 10 + (1 << 20) + 10 && inventory.files == 15)
      #expect(inventory.allocated < inventory.bytes, "a sparse file takes less than it shows")
      #expect(inventory.secrets.map(\.path) == ["deep/validator_key", "jwt_secret"])
      #expect(inventory.secrets[1].mode == 0o640)
    }
  }
}
