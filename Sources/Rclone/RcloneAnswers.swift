import BlobStore

/// What a call of rclone is about.
struct Place: Encodable {
  let fs: String
  let remote: String
  /// The object, when it is one.
  var name: String?
  var opt: [String: Bool]?

  private enum CodingKeys: CodingKey { case fs, remote, opt }
}

/// A file of this machine that becomes an object.
struct Copying: Encodable {
  let srcFs: String
  let srcRemote: String
  let dstFs: String
  let dstRemote: String
  /// rclone's own look at what is there would be one request more, and no lock.
  let _config = ["NoCheckDest": true]
}

struct Listing: Decodable, Sendable {
  let list: [Found]?
}

struct Item: Decodable, Sendable {
  let item: Found?
}

struct Nothing: Decodable, Sendable {}

/// An object, as rclone spells it.
struct Found: Decodable, Sendable {
  /// From the bucket on.
  let path: String
  let size: Int64
  let modified: String
  let isDirectory: Bool

  private enum CodingKeys: String, CodingKey {
    case path = "Path"
    case size = "Size"
    case modified = "ModTime"
    case isDirectory = "IsDir"
  }

  /// To the second: S3 tells a status no finer, and a list may.
  func status(_ name: String) -> BlobStatus {
    BlobStatus(name: name, bytes: size, modified: String(modified.prefix { $0 != "." }))
  }
}
