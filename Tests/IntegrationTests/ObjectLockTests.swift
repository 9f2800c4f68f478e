import Foundation
import GoudCore
import TestSupport
import Testing

/// A bucket whose objects nobody may destroy for a while: S3's object lock, as moto keeps it.
@Suite struct ObjectLockTests {
  @Test func whatIsInALockedBucketCannotBeDestroyedAndComesBackAfterADeletion() async throws {
    try await Moto.with { moto in
      try await moto.aws(
        "s3api", "create-bucket", "--bucket", "goud-locked", "--create-bucket-configuration",
        "LocationConstraint=eu-west-1", "--object-lock-enabled-for-bucket")
      try await Fixture.with { fixture in
        let volume = try await fixture.makeVolume(operations: 200)
        let location = "s3://goud-locked/backups"
        func goud(_ words: String...) async throws -> Finished {
          try await fixture.goud(words + ["-c", location], environment: moto.environment)
        }
        let made = try await goud("backup", "create")
        try #require(made.status == 0, "\(made.errors)")
        let list = ["s3api", "list-object-versions", "--bucket", "goud-locked", "--query"]
        let found = try await moto.aws(list + ["Versions[?ends_with(Key, '.tar.gz')].[Key,VersionId]"])
        let parts = found.split(separator: "\t").map(String.init)
        try #require(parts.count == 2, "\(found)")
        let (key, version) = (parts[0], parts[1])

        // moto gives a bucket's default retention to no object that comes in parts; Amazon does it by itself.
        try await moto.aws(
          "s3api", "put-object-retention", "--bucket", "goud-locked", "--key", key, "--version-id", version,
          "--retention", "Mode=COMPLIANCE,RetainUntilDate=2099-01-01T00:00:00Z")
        let destroyed = try await Programs.run(
          "env", ["aws", "s3api", "delete-object", "--bucket", "goud-locked", "--key", key, "--version-id", version],
          environment: moto.environment)
        #expect(destroyed.status != 0 && destroyed.errors.contains("AccessDenied"), "\(destroyed.errors)")
        // Deleting it hides it; taking the mark away brings it back.
        try await moto.aws("s3api", "delete-object", "--bucket", "goud-locked", "--key", key)
        #expect(try await goud("backup", "verify", FileSystem.name(of: key)).status == 10)
        let mark = try await moto.aws(list + ["DeleteMarkers[0].VersionId"])
        try await moto.aws("s3api", "delete-object", "--bucket", "goud-locked", "--key", key, "--version-id", mark)
        try FileManager.default.removeItem(atPath: volume)
        let restored = try await goud("restore", "latest", "--yes")
        #expect(restored.status == 0, "\(restored.errors)")
        #expect(try fixture.lastOperation(volume) == 200)
      }
    }
  }

  /// Every deletion of a repository hides, and destroys nothing: what an intruder deletes comes back.
  @Test func aRepositoryInALockedBucketIsThinnedAsEverAndComesBackWhole() async throws {
    try await Moto.with { moto in
      try await moto.aws(
        "s3api", "create-bucket", "--bucket", "goud-locked", "--create-bucket-configuration",
        "LocationConstraint=eu-west-1", "--object-lock-enabled-for-bucket")
      try await moto.aws(
        "s3api", "put-object-lock-configuration", "--bucket", "goud-locked", "--object-lock-configuration",
        "ObjectLockEnabled=Enabled,Rule={DefaultRetention={Mode=COMPLIANCE,Days=30}}")
      try await Fixture.with { fixture in
        let volume = try await fixture.makeVolume(operations: 200)
        try AtomicFile.write(Array("of this test".utf8), to: "\(fixture.root)/password")
        let place = ["--repo", "s3://goud-locked/backups", "--password-file", "\(fixture.root)/password"]
        func goud(_ words: String...) async throws -> Finished {
          try await fixture.goud(words + place, environment: moto.environment)
        }
        func works(_ words: String...) async throws {
          let made = try await fixture.goud(words + place, environment: moto.environment)
          try #require(made.status == 0, "\(words): \(made.errors)")
        }
        func versions(_ query: String) async throws -> [[String]] {
          let found = try await moto.aws("s3api", "list-object-versions", "--bucket", "goud-locked", "--query", query)
          return found.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
            .filter { $0.count == 2 }
        }
        try await works("repo", "init")
        try await works("backup", "create")
        try await fixture.makeVolume(operations: 300)
        try await works("backup", "create")
        // Locks come and go, and so does what is forgotten and pruned.
        try await works("backup", "forget", "--keep-last", "1", "--prune")
        #expect(try await versions("DeleteMarkers[?contains(Key, '/locks/')].[Key,VersionId]").count >= 3)

        let packs = try await versions("Versions[?contains(Key, '/data/')].[Key,VersionId]")
        let pack = try #require(packs.first)
        let destroyed = try await Programs.run(
          "env",
          ["aws", "s3api", "delete-object", "--bucket", "goud-locked", "--key", pack[0], "--version-id", pack[1]],
          environment: moto.environment)
        #expect(destroyed.status != 0 && destroyed.errors.contains("AccessDenied"), "\(destroyed.errors)")
        // It holds for as long as somebody asks it to.
        try await moto.aws(
          "s3api", "put-object-retention", "--bucket", "goud-locked", "--key", pack[0], "--version-id", pack[1],
          "--retention", "Mode=COMPLIANCE,RetainUntilDate=2099-01-01T00:00:00Z")

        try await moto.aws("s3", "rm", "--recursive", "s3://goud-locked/backups")
        #expect(try await goud("backup", "list").status == 10)
        for mark in try await versions("DeleteMarkers[?!contains(Key, '/locks/')].[Key,VersionId]") {
          try await moto.aws(
            "s3api", "delete-object", "--bucket", "goud-locked", "--key", mark[0], "--version-id", mark[1])
        }
        try await works("repo", "check", "--read-data")
        try FileManager.default.removeItem(atPath: volume)
        try await works("restore", "latest", "--yes")
        #expect(try fixture.lastOperation(volume) == 300)
      }
    }
  }
}
