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
}
