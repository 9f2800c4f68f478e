import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing
import WriterOracle

@testable import VolumeSnapshot

/// Every kind of database that the writer can make, at rest.
@Suite struct SnapshotTests {
  /// Writes a volume, takes a snapshot of it, unpacks that, and returns the operation it ends at.
  private func roundTrip(_ arguments: [String], operations: Int, families: Int = 1) async throws -> UInt64 {
    try await withTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let further = arguments.map { $0.replacingOccurrences(of: "@", with: volume) } + ["--families", "\(families)"]
      try await writeDatabase("\(volume)/rocksdb", operations: operations, further)
      let snapshot = try VolumeSnapshot.take(volume, options: SnapshotOptions(scratch: scratch))
      for item in snapshot.items { try item.prove?() }
      try snapshot.unpack(to: "\(scratch)/copy")
      let model = WriterModel(seed: 1, slots: 2000, valueBytes: 256, families: families)
      #expect(try FileSystem.names(in: scratch).allSatisfy { !$0.hasPrefix(".goud") }, "copies have no names")
      return try model.check(directory: "\(scratch)/copy/rocksdb", strictly: true)
    }
  }

  @Test func aClosedDatabaseComesBackWhole() async throws {
    #expect(try await roundTrip(["--write-buffer", "65536"], operations: 3000) == 3000)
  }

  @Test func logsAloneComeBack() async throws {
    #expect(try await roundTrip([], operations: 500) == 500)
  }

  @Test func severalColumnFamiliesComeBack() async throws {
    let arguments = ["--write-buffer", "65536", "--table-bytes", "65536"]
    #expect(try await roundTrip(arguments, operations: 3000, families: 4) == 3000)
  }

  @Test func recycledLogsComeBack() async throws {
    let arguments = ["--write-buffer", "65536", "--recycle", "4"]
    #expect(try await roundTrip(arguments, operations: 3000, families: 2) == 3000)
  }

  @Test(arguments: ["none", "snappy", "zlib", "bzip2", "lz4", "lz4hc", "zstd"])
  func everyCompressionComesBack(_ compression: String) async throws {
    let arguments = ["--write-buffer", "65536", "--compression", compression]
    #expect(try await roundTrip(arguments, operations: 3000) == 3000)
  }

  @Test func logsAndTablesInDirectoriesOfTheirOwnComeBack() async throws {
    // The restored database is opened flat, so the check is made on the live layout's files by number.
    try await withTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try await writeDatabase(
        "\(volume)/rocksdb", operations: 3000,
        [
          "--write-buffer", "65536", "--table-bytes", "65536", "--log-directory", "\(volume)/wal", "--table-directory",
          "\(volume)/tables",
        ])
      let snapshot = try VolumeSnapshot.take(volume, options: SnapshotOptions(scratch: scratch))
      let paths = Set(snapshot.items.map { FileSystem.parent(of: $0.entry.path) })
      #expect(paths.isSuperset(of: ["rocksdb", "wal", "tables"]))
      #expect(snapshot.databases[0].view!.sequence >= 3000)
    }
  }

  @Test func blobFilesComeBack() async throws {
    let arguments = ["--write-buffer", "65536", "--blobs", "--table-bytes", "65536"]
    #expect(try await roundTrip(arguments, operations: 3000, families: 2) == 3000)
  }

  @Test func anEmptyDatabaseComesBackEmpty() throws {
    try inTemporaryDirectory { scratch in
      _ = try Database(directory: "\(scratch)/volume")
      let snapshot = try VolumeSnapshot.take("\(scratch)/volume", options: SnapshotOptions(scratch: scratch))
      try snapshot.unpack(to: "\(scratch)/copy")
      let copy = try Database(directory: "\(scratch)/copy")
      #expect(try copy.value(for: [1]) == nil)
      #expect(snapshot.databases[0].view?.sequence == 0)
    }
  }

  @Test func aDatabaseThatWasNeverCleanlyClosedComesBack() async throws {
    try await withTemporaryDirectory { scratch in
      let oracle = try Oracle(path: "\(scratch)/oracle")
      let arguments = ["\(scratch)/volume", "--oracle", "\(scratch)/oracle", "--write-buffer", "65536"]
      try await withWriter(arguments) { writer in
        try await waitUntil("5000 operations") { oracle.acknowledged > 5000 }
        writer.send(SIGKILL)
      }
      let snapshot = try VolumeSnapshot.take("\(scratch)/volume", options: SnapshotOptions(scratch: scratch))
      try snapshot.unpack(to: "\(scratch)/copy")
      let model = WriterModel(seed: 1, slots: 2000, valueBytes: 256, families: 1)
      let last = try model.check(directory: "\(scratch)/copy", strictly: true)
      #expect(last >= oracle.acknowledged && last <= oracle.started)
    }
  }

  @Test func aReadOnlyMountSuffices() async throws {
    try await withTemporaryDirectory { scratch in
      try await writeDatabase("\(scratch)/volume", operations: 2000, ["--write-buffer", "65536"])
      let mount = "\(scratch)/read-only"
      try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
      #expect(try await Programs.run("mount", ["--bind", "\(scratch)/volume", mount]).status == 0)
      let remounted = try await Programs.run("mount", ["-o", "remount,ro,bind", mount])
      let refused = (try? Data().write(to: URL(fileURLWithPath: "\(mount)/x"))) == nil
      let sequence = Result {
        try VolumeSnapshot.take(mount, options: SnapshotOptions(scratch: scratch)).databases[0].view?.sequence ?? 0
      }
      #expect(try await Programs.run("umount", [mount]).status == 0)
      #expect(remounted.status == 0 && refused, "the mount must really be read-only")
      #expect(try sequence.get() >= 2000)
    }
  }

  @Test func otherFilesTravelWithOwnerModeTimesAndAttributes() async throws {
    try await withTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try await writeDatabase("\(volume)/rocksdb", operations: 10)
      try Data("secret".utf8).write(to: URL(fileURLWithPath: "\(volume)/jwt_secret"))
      for command in [
        ["chmod", "0600", "\(volume)/jwt_secret"], ["chown", "1234:4321", "\(volume)/jwt_secret"],
        ["touch", "-d", "2001-02-03T04:05:06.789Z", "\(volume)/jwt_secret"],
        ["setfattr", "-n", "user.note", "-v", "kept", "\(volume)/jwt_secret"], ["chmod", "0751", volume],
        ["mkfifo", "\(volume)/pipe"], ["mknod", "\(volume)/device", "c", "1", "3"],
        ["ln", "-s", "jwt_secret", "\(volume)/inside"], ["ln", "-s", "../../etc/passwd", "\(volume)/outside"],
      ] { #expect(try await Programs.run(command[0], Array(command.dropFirst())).status == 0, "\(command)") }
      let snapshot = try VolumeSnapshot.take(volume, options: SnapshotOptions(scratch: scratch))
      let entries = Dictionary(uniqueKeysWithValues: snapshot.items.map { ($0.entry.path, $0.entry) })
      let secret = try #require(entries["jwt_secret"])
      #expect(secret.mode == 0o600 && secret.owner == 1234 && secret.group == 4321)
      #expect(secret.modified == (981_173_106, 789_000_000))
      #expect(secret.attributes["user.note"] == Array("kept".utf8))
      #expect(entries[""]?.mode == 0o751 && snapshot.items[0].entry.path == "")
      #expect(entries["inside"]?.kind == .link(target: "jwt_secret"))
      #expect(snapshot.skipped.count == 3 && entries["outside"] == nil && entries["pipe"] == nil)
    }
  }
}
