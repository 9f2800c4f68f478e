import Foundation
import GoudCore
import TestSupport
import Testing

/// Two runs at once, and runs that are asked to stop: nothing half-done stays, and the next run works.
@Suite(.serialized) struct InterruptionTests {
  /// Bytes of a file that keeps a run busy: it takes no room in the volume, but is read, hashed and stored.
  private static let ballast = 128 << 20

  /// A home whose one volume takes long to back up and to restore.
  private func withLargeVolume(_ body: (Fixture, _ volume: String) async throws -> Void) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 500)
      // Written, for a hole takes no time.
      try Data(count: Self.ballast).write(to: URL(fileURLWithPath: "\(volume)/ballast"))
      try await body(fixture, volume)
    }
  }

  /// There while an archive is written.
  private static let unfinishedArchive = "*/backups/.*.goud-tmp-*"
  /// There while a restore builds the volume.
  private static let unfinishedVolume = "*/.node1_data.restore-*/ballast"

  @Test(arguments: [(SIGINT, 130, "run.interrupted"), (SIGTERM, 143, "run.terminated")])
  func aStoppedBackupLeavesNothing(signal: Int32, status: Int32, code: String) async throws {
    try await withLargeVolume { fixture, volume in
      let before = try await fixture.tree(volume)
      let stopped = try await fixture.goud(
        ["backup", "create", "--compression", "none", "--format", "json"], send: signal,
        onceThereIs: Self.unfinishedArchive)
      #expect(stopped.status == status && stopped.errors.contains(code), "\(stopped.errors)")
      #expect(try FileSystem.names(in: fixture.backups).isEmpty)
      #expect(try await fixture.tree(volume) == before)
      try Data().write(to: URL(fileURLWithPath: "\(volume)/ballast"))
      #expect(try await fixture.goud("backup", "verify", try await fixture.backUp()).status == 0)
    }
  }

  /// The archive has its name while it is read back.
  @Test(arguments: [SIGINT, SIGTERM])
  func aBackupStoppedWhileItIsReadBackLeavesNothing(signal: Int32) async throws {
    try await withLargeVolume { fixture, volume in
      let stopped = try await fixture.goud(
        ["backup", "create", "--compression", "none"], send: signal, onceThereIs: "*/backups/goud-*.tar")
      let names = try FileSystem.names(in: fixture.backups)
      if stopped.status == 0 {
        #expect(names.contains { $0.hasSuffix(".verified.json") }, "too late to stop it")
      } else {
        #expect(stopped.status == 128 + signal && names.isEmpty, "\(names) \(stopped.errors)")
      }
    }
  }

  @Test(arguments: [(SIGINT, 130, "run.interrupted"), (SIGTERM, 143, "run.terminated")])
  func aStoppedRestoreLeavesTheOldVolume(signal: Int32, status: Int32, code: String) async throws {
    try await withLargeVolume { fixture, volume in
      let archive = try await fixture.backUp()
      try Data("new".utf8).write(to: URL(fileURLWithPath: "\(volume)/ballast"))
      let before = try await fixture.tree(fixture.volumes)
      let stopped = try await fixture.goud(
        ["restore", archive, "--yes", "--format", "json"], send: signal, onceThereIs: Self.unfinishedVolume)
      #expect(stopped.status == status && stopped.errors.contains(code), "\(stopped.errors)")
      #expect(try await fixture.tree(fixture.volumes) == before)
      let again = try await fixture.goud("restore", archive, "--yes")
      #expect(again.status == 0, "\(again.errors)")
      #expect(try FileSystem.status("\(volume)/ballast")?.st_size == off_t(Self.ballast))
    }
  }

  @Test func aSecondRunIsRefusedUntilTheFirstIsGone() async throws {
    try await withLargeVolume { fixture, volume in
      let archive = try await fixture.backUp()
      let killed = try await fixture.goud(
        ["backup", "create", "--compression", "none"], send: SIGSTOP, onceThereIs: Self.unfinishedArchive
      ) { first in
        for arguments in [
          ["backup", "create"], ["restore", archive, "--yes"], ["restore", archive, "--dry-run"],
        ] {
          let message = try await fixture.expect(Refusal(11, "volume.locked"), of: arguments)
          #expect(message.contains("process \(first.pid): goud backup create"))
        }
        first.send(SIGKILL)
      }
      #expect(killed.status == 137)
      try Data().write(to: URL(fileURLWithPath: "\(volume)/ballast"))
      _ = try await fixture.backUp()
      #expect(try FileSystem.names(in: fixture.backups).allSatisfy { !$0.hasPrefix(".") })
    }
  }

  @Test func aLockThatAnotherProgramHoldsNamesItAndEndsWithIt() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 50)
      try await Programs.running("/usr/bin/flock", ["--no-fork", "--exclusive", volume, "sleep", "600"]) { holder in
        try await waitUntil("the lock") { DirectoryLock.holder(of: volume) != nil }
        let message = try await fixture.expect(Refusal(11, "volume.locked"), of: ["backup", "create"])
        #expect(message.contains("process \(holder.pid): sleep 600"))
      }
      _ = try await fixture.backUp()
    }
  }
}
