import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

/// Where the logs of a database are: `wal_dir` is a path of another process, time or machine.
@Suite struct LayoutTests {
  @Test(arguments: [
    "@/volume/db", "@/volume/db/", "db", "./db", "../data/db", "/data/node/db", "/nowhere", "@/unrelated",
    "@/volume/other",
    "other", "@/volume", "@",
  ])
  func logsBesideTheTablesAreADatabasesOwn(_ named: String) throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["db", "other"])
      try SmallVolume("\(scratch)/x", databases: ["unrelated"]).add("unrelated")
      try FileManager.default.moveItem(atPath: "\(scratch)/x/volume/unrelated", toPath: "\(scratch)/unrelated")
      try volume.setOption("wal_dir=\(named.replacingOccurrences(of: "@", with: scratch))", of: "db")
      let (snapshot, keys) = try volume.restored()
      #expect(keys == ["db": ["a", "db", "z"], "other": ["a", "other", "z"]])
      #expect(Set(snapshot.paths).count == snapshot.paths.count)
    }
  }

  @Test func aVolumeThatIsTheDatabaseMayNameAnyLogDirectory() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: [""])
      try volume.setOption("wal_dir=/data/old", of: "")
      #expect(try volume.restored().keys["."]?.contains("z") == true)
    }
  }

  @Test(arguments: ["wal", "a/b/wal", "db/wal"])
  func aLogDirectoryInTheVolumeIsTheDatabases(_ place: String) throws {
    try inTemporaryDirectory { scratch in
      let wal = "\(scratch)/volume/\(place)"
      try FileManager.default.createDirectory(atPath: wal, withIntermediateDirectories: true)
      let volume = try SmallVolume(scratch, options: "wal_dir=\(wal)")
      #expect(try volume.names("db", \.isLog).isEmpty)
      let snapshot = try volume.take()
      #expect(snapshot.paths.contains { $0.hasPrefix("\(place)/") && $0.hasSuffix(".log") })
      try snapshot.unpack(to: "\(scratch)/copy")
      _ = try VolumeProof.check("\(scratch)/copy", scratch: scratch)
      let copy = try RawDatabase("\(scratch)/copy/db", "wal_dir=\(scratch)/copy/\(place)")
      #expect(try copy.keys() == ["a", "db", "z"])
    }
  }

  /// A checkpoint's `OPTIONS` are those of its database, and so name the database's log directory.
  @Test func aCheckpointHasItsOwnLogs() throws {
    try inTemporaryDirectory { scratch in
      let wal = "\(scratch)/volume/wal"
      try FileManager.default.createDirectory(atPath: wal, withIntermediateDirectories: true)
      let volume = try SmallVolume(scratch, options: "wal_dir=\(wal)")
      try FileManager.default.copyItem(atPath: "\(volume.path)/db", toPath: "\(volume.path)/cp")
      for log in try volume.names("wal", \.isLog) {
        try FileManager.default.copyItem(atPath: "\(wal)/\(log)", toPath: "\(volume.path)/cp/\(log)")
      }
      let snapshot = try volume.take()
      #expect(snapshot.databases.allSatisfy { $0.view?.logRecords == 1 })
      #expect(Set(snapshot.paths).count == snapshot.paths.count)
      #expect(snapshot.paths.contains { $0.hasPrefix("cp/") && $0.hasSuffix(".log") })
    }
  }

  @Test func logsThatWereLeftBesideTheTablesAreNotTheNewest() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let old = try #require(try volume.names("db", \.isLog).last)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(volume.path)/db/\(old)"))
      let wal = "\(volume.path)/wal"
      try FileManager.default.createDirectory(atPath: wal, withIntermediateDirectories: true)
      try FileManager.default.moveItem(atPath: "\(volume.path)/db/\(old)", toPath: "\(wal)/\(old)")
      for key in ["y", "zz"] {
        let writer = try RawDatabase("\(volume.path)/db", "wal_dir=\(wal)")
        try writer.put(key)
        if key == "y" { try writer.flush() }
      }
      try bytes.write(to: URL(fileURLWithPath: "\(volume.path)/db/\(old)"))
      let snapshot = try volume.take()
      #expect(snapshot.paths.contains { $0.hasPrefix("wal/") && $0.hasSuffix(".log") })
      try snapshot.unpack(to: "\(scratch)/copy")
      let copy = try RawDatabase("\(scratch)/copy/db", "wal_dir=\(scratch)/copy/wal")
      #expect(try copy.keys() == ["a", "db", "y", "z", "zz"])

      // And with the log directory elsewhere, they do not hide that it is missing.
      try FileManager.default.moveItem(atPath: wal, toPath: "\(scratch)/elsewhere")
      let error = volume.refusal()
      #expect(error?.code == .snapshotUnsupported && error?.message.contains("\(wal), outside the volume") == true)
    }
  }

  @Test func databasesWithTheSameTableNamesShareNothing() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["a/db", "b/db", "a/db/c/db"])
      #expect(
        try volume.restored().keys == [
          "a/db": ["a", "a/db", "z"], "b/db": ["a", "b/db", "z"], "a/db/c/db": ["a", "a/db/c/db", "z"],
        ])
    }
  }
}
