public import BlobStore
import Foundation
public import GoudCore

/// How a store is opened.
public struct StoreOptions: Sendable {
  /// The largest object that will be put, in bytes; decides the size of S3's parts.
  public var estimate: Int64 = 0
  /// rclone's spelling, `10Mi`; nil: no limit.
  public var bandwidth: String?
  public var variables = ProcessInfo.processInfo.environment
  public var cancellation = Cancellation()

  public init() {}
}

extension StoreLocation {
  /// Opens the store that `text` names. For a bucket, this starts rclone; nothing is asked of the bucket yet.
  public static func open(_ text: String, options: StoreOptions = StoreOptions()) throws -> any BlobStore {
    let (remote, prefix): (String, String)
    switch try StoreLocation(text) {
    case .directory(let path): return DirectoryStore(path)
    case .s3(let bucket, let path): (remote, prefix) = (":s3:\(bucket)", path)
    case .gcs(let bucket, let path): (remote, prefix) = (":gcs:\(bucket)", path)
    case .rclone(let name, let path): (remote, prefix) = ("\(name):\(path)", "")
    }
    var end = text[...]
    while end.hasSuffix("/") { end = end.dropLast() }
    return try RcloneStore(
      String(end), remote: remote, prefix: prefix,
      settings: RcloneSettings.make(options.variables, estimate: options.estimate, bandwidth: options.bandwidth)
        .merging(options.variables) { own, _ in own },
      cancellation: options.cancellation)
  }
}
