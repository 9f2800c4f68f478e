import Foundation
import GoudCore
import TestSupport
import Testing

/// Restores by a user who is not root: content and modes come back, and what cannot is said.
@Suite struct PrivilegeTests {
  private struct Restored: Decodable {
    var warnings: [String]
  }

  private func restoreAsNobody(_ fixture: Fixture, _ archive: String, _ further: [String]) async throws -> Finished {
    for command in [
      ["chmod", "-R", "a+rX", fixture.root], ["chown", "-R", "65534", fixture.home, fixture.backups],
    ] {
      try #require(try await Programs.run(command[0], Array(command.dropFirst())).status == 0)
    }
    return try await Programs.run(
      "setpriv",
      ["--reuid=65534", "--regid=65534", "--clear-groups", Programs.built("goud"), "restore", archive, "--yes"]
        + further,
      environment: [
        "GOUD_HOME": fixture.home, "BACKUP_DIR": fixture.backups, "GOUD_CONFIG_DIR": Checkout.path("config"),
      ])
  }

  /// A volume whose files belong to another user, one of them with an attribute.
  private func archive(_ fixture: Fixture) async throws -> String {
    let volume = try await fixture.makeVolume()
    for command in [
      ["chown", "-R", "1234:1234", volume], ["setfattr", "-n", "user.origin", "-v", "node1", "\(volume)/jwt_secret"],
    ] {
      try #require(try await Programs.run(command[0], Array(command.dropFirst())).status == 0)
    }
    let archive = try await fixture.backUp()
    try FileManager.default.removeItem(atPath: volume)
    return archive
  }

  @Test func aRestoreWithoutRootBringsContentModesAndAttributesAndSaysThatOwnersAreNot() async throws {
    try await Fixture.with { fixture in
      let archive = try await archive(fixture)
      let finished = try await restoreAsNobody(fixture, archive, ["--format", "json"])
      try #require(finished.status == 0, "\(finished.errors)")
      let report = try JSONDecoder().decode(Restored.self, from: Data(finished.output.utf8))
      #expect(report.warnings.count == 1 && report.warnings[0].contains("the owner is not restored"))

      let volume = "\(fixture.volumes)/node1_data"
      #expect(try fixture.lastOperation(volume) == 2000)
      let secret = try #require(try FileSystem.status("\(volume)/jwt_secret"))
      #expect(secret.st_mode & 0o777 == 0o600)
      let attribute = try await Programs.run(
        "getfattr", ["--only-values", "-n", "user.origin", "\(volume)/jwt_secret"])
      #expect(attribute.output == "node1")
    }
  }

  @Test func theReportForPeopleNamesWhatWasNotRestored() async throws {
    try await Fixture.with { fixture in
      let finished = try await restoreAsNobody(fixture, try await archive(fixture), [])
      #expect(finished.status == 0, "\(finished.errors)")
      #expect(finished.output.contains("not restored: the owner"))
    }
  }

  @Test func aRestoreByRootHasNothingToSay() async throws {
    try await Fixture.with { fixture in
      let finished = try await fixture.goud("restore", try await archive(fixture), "--yes", "--format", "json")
      let report = try JSONDecoder().decode(Restored.self, from: Data(finished.output.utf8))
      #expect(finished.status == 0 && report.warnings.isEmpty)
    }
  }
}
