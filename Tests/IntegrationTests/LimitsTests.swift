import Foundation
import GoudCore
import TestSupport
import Testing

/// What a user without privileges meets.
@Suite struct LimitsTests {
  /// Runs goud as nobody, who may hold `files` files open and not raise that.
  private func goudAsNobody(_ fixture: Fixture, files: Int, _ arguments: [String]) async throws -> Finished {
    for command in [["chmod", "-R", "a+rX", fixture.root], ["chown", "65534", fixture.backups]] {
      try #require(try await Programs.run(command[0], Array(command.dropFirst())).status == 0)
    }
    return try await Programs.run(
      "setpriv",
      [
        "--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--nofile=\(files):\(files)",
        Programs.built("goud"),
      ] + arguments,
      environment: [
        "GOUD_HOME": fixture.home, "BACKUP_DIR": fixture.backups, "GOUD_CONFIG_DIR": Checkout.path("config"),
      ])
  }

  @Test func aVolumeWithMoreTablesThanFilesMayBeOpenIsRefusedWithBothNumbers() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 4000, ["--table-bytes", "4096"])
      let finished = try await goudAsNobody(fixture, files: 200, ["backup", "create", "--format", "json"])
      #expect(finished.status == 1)
      #expect(finished.errors.contains("io.too-many-open-files") && finished.errors.contains("may have 200"))
      #expect(finished.errors.contains("ulimit") && finished.errors.contains("LimitNOFILE"))
      #expect(try FileSystem.names(in: fixture.backups).isEmpty)
    }
  }

  @Test func readAccessIsEnoughForABackup() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let finished = try await goudAsNobody(fixture, files: 4096, ["backup", "create"])
      #expect(finished.status == 0, "\(finished.errors)")
      #expect(try fixture.lastOperation(volume) == 2000)
    }
  }
}
