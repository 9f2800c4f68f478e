import Foundation
import GoudCore
import TestSupport
import Testing

/// Archives that are sealed for a recipient, with the real age.
@Suite struct SealTests {
  private func only(_ names: [String]) throws -> String {
    let archives = names.filter { $0.hasSuffix(".age") }
    try #require(archives.count == 1, "\(names)")
    return archives[0]
  }

  @Test(arguments: ["gzip", "none"])
  func whatIsSealedIsOpenedByItsIdentityAloneAndByAgeItself(_ word: String) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 1500)
      let (own, other) = (try await AgeKeys(in: fixture.root, "own"), try await AgeKeys(in: fixture.root, "other"))
      let made = try await fixture.goud("backup", "create", "--recipient", own.recipient, "--compression", word)
      try #require(made.status == 0, "\(made.errors)")
      let name = try only(try FileSystem.names(in: fixture.backups))
      let archive = "\(fixture.backups)/\(name)"
      let content = try Data(contentsOf: URL(fileURLWithPath: archive))
      #expect(content.starts(with: Data("age-encryption.org/v1".utf8)))
      let summed = try await Programs.run("sha256sum", ["-c", "\(name).sha256"], in: fixture.backups)
      #expect(summed.status == 0, "\(summed.errors)")
      let listed = try await fixture.goud("backup", "list", "--format", "json")
      #expect(listed.output.contains("\"sealed\"") && listed.output.contains("\"verified\""))

      let script = "age -d -i own.key \"$1\" | tar -x$2O --wildcards '*/metadata.json'"
      let untarred = try await Programs.run(
        "sh", ["-c", script, "sh", archive, word == "gzip" ? "z" : ""], in: fixture.root)
      #expect(untarred.status == 0 && untarred.output.contains("node1_data"), "\(untarred.errors)")

      for verb in [["backup", "inspect"], ["backup", "verify"], ["restore", "--yes"]] {
        let closed = try await fixture.goud(verb + [archive, "--format", "json"])
        #expect(closed.status == 13 && closed.errors.contains("archive.sealed"), "\(verb): \(closed.errors)")
        let foreign = try await fixture.goud(verb + [archive, "--format", "json", "--identity", other.identity])
        #expect(foreign.status == 13 && foreign.errors.contains("archive.sealed"), "\(verb): \(foreign.errors)")
      }
      let verified = try await fixture.goud(
        "backup", "verify", archive, "--identity", own.identity, "--level", "database")
      #expect(verified.status == 0, "\(verified.errors)")
      try FileManager.default.removeItem(atPath: volume)
      let restored = try await fixture.goud("restore", "latest", "--yes", "--identity", own.identity)
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try fixture.lastOperation(volume) == 1500)
    }
  }

  @Test func aSealedArchiveGoesThroughABucket() async throws {
    try await ObjectServer.s3.with { location, environment, files in
      try await Fixture.with { fixture in
        let volume = try await fixture.makeVolume(operations: 400)
        let keys = try await AgeKeys(in: fixture.root, "own")
        let made = try await fixture.goud(
          "backup", "create", "-c", location, "--recipient", keys.recipient, environment: environment)
        try #require(made.status == 0, "\(made.errors)")
        #expect(!made.errors.contains("not encrypted"))
        let name = try only(try FileSystem.names(in: "\(files)/backups"))
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(files)/backups/\(name)"))
        #expect(content.range(of: Data("jwt_secret".utf8)) == nil)
        try FileManager.default.removeItem(atPath: volume)
        let restored = try await fixture.goud(
          "restore", "latest", "-c", location, "--yes", "--identity", keys.identity, environment: environment)
        #expect(restored.status == 0, "\(restored.errors)")
        #expect(try fixture.lastOperation(volume) == 400)
      }
    }
  }

  @Test(arguments: ["flipped", "cut"]) func aSealedArchiveThatIsDamagedIsNeverRestored(_ damage: String) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 500)
      let keys = try await AgeKeys(in: fixture.root, "own")
      try #require(try await fixture.goud("backup", "create", "--recipient", keys.recipient).status == 0)
      let url = URL(fileURLWithPath: "\(fixture.backups)/\(try only(try FileSystem.names(in: fixture.backups)))")
      var data = try Data(contentsOf: url)
      if damage == "flipped" { data[data.count / 2] ^= 1 } else { data = data.prefix(data.count / 2) }
      try data.write(to: url)
      let before = try await fixture.tree(volume)
      for verb in [["backup", "verify"], ["restore", "--yes"]] {
        let refused = try await fixture.goud(verb + [url.path, "--identity", keys.identity])
        #expect(refused.status == 12, "\(verb): \(refused.errors)")
      }
      #expect(try await fixture.tree(volume) == before)
    }
  }

  @Test func whoIsNoRecipientIsRefusedBeforeAnythingIsWritten() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 10)
      for recipient in ["", "age1nonsense", "ssh-ed25519 AAAA", "age1" + String(repeating: "q", count: 58)] {
        let refused = try await fixture.goud("backup", "create", "--recipient", recipient, "--format", "json")
        #expect(refused.status == 64 && refused.errors.contains("hint"), "\(recipient): \(refused.errors)")
      }
      #expect(try FileSystem.names(in: fixture.backups) == [])
    }
  }
}
