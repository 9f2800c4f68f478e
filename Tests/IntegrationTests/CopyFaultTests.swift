import Foundation
import GoudCore
import TestSupport
import Testing

/// A call that fails or ends early while a log is copied is worked around, or the backup fails with nothing left behind.
@Suite struct CopyFaultTests {
  /// A volume whose 2000 operations are in one log, which is returned.
  private func log(_ fixture: Fixture) async throws -> String {
    let volume = "\(fixture.volumes)/node1_data"
    try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
    try await writeDatabase("\(volume)/rocksdb", operations: 2000)
    let names = try FileSystem.names(in: "\(volume)/rocksdb").filter { $0.hasSuffix(".log") }
    return "\(volume)/rocksdb/\(try #require(names.max()))"
  }

  private func restored(_ fixture: Fixture) async throws -> UInt64 {
    let archive = try #require(try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar.gz") })
    let finished = try await fixture.goud(
      "restore", "\(fixture.backups)/\(archive)", "--to", "\(fixture.root)/restored", "--yes")
    try #require(finished.status == 0, "\(finished.errors)")
    return try fixture.lastOperation("\(fixture.root)/restored")
  }

  @Test(arguments: ["retval=0", "error=EPERM", "error=EIO", "error=EINTR", "error=ENOSYS", "error=EXDEV"])
  func noFaultOfTheKernelsCopyReachesABackup(_ fault: String) async throws {
    try await Fixture.with { fixture in
      _ = try await log(fixture)
      let finished = try await fixture.goud("backup", "create", fault: "copy_file_range:\(fault)")
      #expect(finished.status == 0, "\(finished.errors)")
      #expect(try await restored(fixture) == 2000)
    }
  }

  @Test(arguments: ["retval=0", "error=EINTR"], [1, 2, 3])
  func aReadOfALogThatEndsEarlyIsMadeAgain(_ fault: String, time: Int) async throws {
    try await Fixture.with { fixture in
      let log = try await log(fixture)
      let finished = try await fixture.goud("backup", "create", fault: "pread64:\(fault):when=\(time)", on: log)
      #expect(finished.status == 0, "\(finished.errors)")
      #expect(try await restored(fixture) == 2000)
    }
  }

  @Test func aLogThatCannotBeReadFailsTheBackupAndLeavesNothing() async throws {
    try await Fixture.with { fixture in
      let log = try await log(fixture)
      let finished = try await fixture.goud("backup", "create", fault: "pread64:error=EIO", on: log)
      #expect(finished.status == 1 && finished.errors.contains(log), "\(finished.errors)")
      #expect(try FileSystem.names(in: fixture.backups).filter { $0.contains(".tar") }.isEmpty)
    }
  }

  /// One that has gone meanwhile is none; one that cannot be read has its file named, not stored as if it had none.
  @Test(arguments: [("flistxattr:error=EIO", 3), ("fgetxattr:error=EIO", 3), ("fgetxattr:error=ENODATA", 0)])
  func anAttributeThatCannotBeReadIsNoAttributeThatIsNotThere(_ fault: String, _ status: Int32) async throws {
    try await Fixture.with { fixture in
      let notes = "\(try await fixture.makeVolume())/notes"
      try Data("n".utf8).write(to: URL(fileURLWithPath: notes))
      let set = try await Programs.run("setfattr", ["-n", "user.by", "-v", "me", notes])
      try #require(set.status == 0, "\(set.errors)")
      let finished = try await fixture.goud("backup", "create", fault: fault, on: notes)
      #expect(finished.status == status && finished.errors.contains("notes") == (status == 3), "\(finished.errors)")
    }
  }
}
