import BlobStore
import GoudCore
import Testing

@Suite struct StoreLocationTests {
  @Test func everySpellingIsUnderstood() throws {
    #expect(try StoreLocation("gs://goud-chain-backups") == .gcs(bucket: "goud-chain-backups", prefix: ""))
    #expect(try StoreLocation("s3://bucket/a/b/") == .s3(bucket: "bucket", prefix: "a/b"))
    #expect(try StoreLocation("rclone:box:backups/x") == .rclone(remote: "box", path: "backups/x"))
    #expect(try StoreLocation("file:///srv/backups") == .directory("/srv/backups"))
    #expect(try StoreLocation("backups") == .directory("backups"))
  }

  @Test(arguments: [
    "", "s3://", "s3://ab", "s3://Upper", "s3://under/../x", "gs://a..b", "gs://-a-", "http://x/y", "rclone:nothing",
    "rclone::s3,secret=x:b", "rclone:s3,secret=x:b", "s3://bucket/a\nb",
  ])
  func whatNoStoreAllowsIsRefused(_ text: String) {
    let error = #expect(throws: GoudError.self) { try StoreLocation(text) }
    #expect(error?.code == .usage)
  }
}
