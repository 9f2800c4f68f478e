import GoudCore

/// Where objects are kept, as the user writes it: `s3://bucket/prefix`, `gs://bucket/prefix`, `rclone:remote:path`,
/// `file:///directory` or the path of a directory.
public enum StoreLocation: Sendable, Equatable {
  /// `prefix` has no slash at either end; may be empty.
  case s3(bucket: String, prefix: String)
  case gcs(bucket: String, prefix: String)
  case rclone(remote: String, path: String)
  case directory(String)

  /// - Throws: `usage.invalid`.
  public init(_ text: String) throws {
    if text.hasPrefix("s3://") {
      let (bucket, prefix) = try Self.bucket(text)
      self = .s3(bucket: bucket, prefix: prefix)
    } else if text.hasPrefix("gs://") {
      let (bucket, prefix) = try Self.bucket(text)
      self = .gcs(bucket: bucket, prefix: prefix)
    } else if text.hasPrefix("rclone:") {
      self = try Self.remote(text)
    } else if text.hasPrefix("file:///") {
      self = .directory(String(text.dropFirst(7)))
    } else if text.isEmpty || text.contains("://") || text.utf8.contains(0) {
      throw Self.invalid(text, "it is none of s3://, gs://, rclone:, file:/// and a path")
    } else {
      self = .directory(text)
    }
  }

  private static func bucket(_ text: String) throws -> (String, String) {
    let rest = text.dropFirst(5)
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let bucket = String(rest[..<slash])
    let allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
    let ends = "abcdefghijklmnopqrstuvwxyz0123456789"
    guard (3...63).contains(bucket.count), bucket.allSatisfy(allowed.contains), ends.contains(bucket.first!),
      ends.contains(bucket.last!), !bucket.contains("..")
    else {
      throw invalid(text, "'\(bucket)' is no bucket's name: 3 to 63 of a-z, 0-9, . and -")
    }
    let parts = rest[slash...].split(separator: "/")
    guard parts.allSatisfy({ $0 != "." && $0 != ".." && $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } }) else {
      throw invalid(text, "its prefix holds '.', '..' or a control character")
    }
    return (bucket, parts.joined(separator: "/"))
  }

  private static func remote(_ text: String) throws -> StoreLocation {
    let rest = text.dropFirst(7)
    guard let colon = rest.firstIndex(of: ":"), colon > rest.startIndex, !rest[..<colon].contains(where: ",=".contains)
    else {
      throw invalid(text, "it is not rclone:REMOTE:PATH with a remote of rclone's configuration")
    }
    return .rclone(remote: String(rest[..<colon]), path: String(rest[rest.index(after: colon)...]))
  }

  private static func invalid(_ text: String, _ why: String) -> GoudError {
    GoudError(
      .usage, "'\(text)' is no place for backups: \(why)", hint: "for example -c gs://bucket/prefix",
      context: ["location": text])
  }
}
