import Foundation
import GoudCore
import TestSupport
import Testing

/// Several containers on one directory of backups: in each of them, goud has a number that means another process, or
/// none, in the others.
@Suite(.serialized) struct NeighbourTests {
  private func volumes(_ fixture: Fixture) async throws -> (large: String, small: String) {
    let large = try await fixture.makeVolume("large", operations: 300)
    // Written, for a hole takes no time.
    try Data(count: 256 << 20).write(to: URL(fileURLWithPath: "\(large)/ballast"))
    return (large, try await fixture.makeVolume("small", operations: 300))
  }

  /// Backs up in a process namespace of its own, where goud has a small number, and signals that goud once its archive is
  /// being written.
  private static let script = #"""
    signal=$1 backups=$2 goud=$3 large=$4; shift 4
    unshare --pid --fork --kill-child --mount-proc sh -c '(true); (true); "$@"; exit $?' sh \
      "$goud" backup create --compression none -d "$backups" --volume "$large" & first=$!
    until [ -n "$(find "$backups" -name '.*.goud-tmp-*' -size +1024k 2>/dev/null)" ]; do
      kill -0 $first 2>/dev/null || exit 99
      sleep 0.01
    done
    inner=$(pgrep -f "^$goud backup create --compression none -d $backups --volume $large" | tail -n 1)
    kill -$signal $inner
    [ $signal = STOP ] || { wait $first; exit; }
    "$goud" backup create -d "$backups" "$@"; second=$?
    kill -CONT $inner
    wait $first
    echo "first $? second $second"
    """#

  @Test func theRunningWorkOfAnotherContainerIsLeftAlone() async throws {
    try await Fixture.with { fixture in
      let (large, small) = try await volumes(fixture)
      let result = try await Programs.run(
        "bash", ["-c", Self.script, "sh", "STOP", fixture.backups, Programs.built("goud"), large, "--volume", small],
        environment: fixture.surroundings, in: fixture.root)
      #expect(result.output.contains("first 0 second 0"), "\(result.output)\n\(result.errors)")
      let names = try FileSystem.names(in: fixture.backups)
      #expect(names.filter { $0.hasSuffix(".tar") || $0.hasSuffix(".tar.gz") }.count == 2, "\(names)")
      #expect(names.allSatisfy { !$0.hasPrefix(".") }, "\(names)")
    }
  }

  @Test func whatAKilledRunLeftGoesAtTheNextWhateverItsNumberWas() async throws {
    try await Fixture.with { fixture in
      let (large, small) = try await volumes(fixture)
      _ = try await Programs.run(
        "bash", ["-c", Self.script, "sh", "KILL", fixture.backups, Programs.built("goud"), large],
        environment: fixture.surroundings, in: fixture.root)
      #expect(try FileSystem.names(in: fixture.backups).contains { $0.contains(".goud-tmp-") })
      let next = try await fixture.goud("backup", "create", "--volume", small)
      #expect(next.status == 0, "\(next.errors)")
      #expect(try FileSystem.names(in: fixture.backups).allSatisfy { !$0.hasPrefix(".") })
    }
  }

  /// A number that lives, as that of process 1, was all it took.
  @Test func aKilledVerificationDoesNotStopTheNext() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 300)
      let archive = try await fixture.backUp()
      let left = "\(fixture.backups)/.goud-unpacked-r000000000000001"
      try FileManager.default.createDirectory(atPath: "\(left)/v", withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: "\(left)/.goud-owner"))
      let verified = try await fixture.goud("backup", "verify", archive, "--level", "database")
      #expect(verified.status == 0, "\(verified.errors)")
      #expect(try FileSystem.names(in: fixture.backups).allSatisfy { !$0.hasPrefix(".") })
    }
  }

  @Test func backupsOfOneSecondTakeDifferentNames() async throws {
    try await Fixture.with { fixture in
      for number in 1...4 { try await fixture.makeVolume("node\(number)_data", operations: 100) }
      try await withThrowingTaskGroup(of: Finished.self) { group in
        for number in 1...4 {
          group.addTask {
            try await fixture.goud("backup", "create", "--volume", "\(fixture.volumes)/node\(number)_data")
          }
        }
        for try await finished in group { #expect(finished.status == 0, "\(finished.errors)") }
      }
      #expect(try FileSystem.names(in: fixture.backups).filter { $0.hasSuffix(".tar.gz") }.count == 4)
    }
  }

  @Test func aKilledBackupIsReportedAsFailed() async throws {
    try await Fixture.with { fixture in
      _ = try await volumes(fixture)
      let killed = try await fixture.goud(
        ["backup", "create", "--compression", "none"], send: SIGKILL, onceThereIs: "*/backups/.*.goud-tmp-*")
      #expect(killed.status == 137)
      let check = try await fixture.goud("volume", "check", environment: ["BACKUP_ENABLED": "true"])
      #expect(check.output.contains("was killed"), "\(check.output)\(check.errors)")
    }
  }
}
