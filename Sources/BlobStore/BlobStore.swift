/// One object of a store.
public struct BlobStatus: Sendable, Equatable {
  public let name: String
  public let bytes: Int64
  /// As the store tells it; two versions of an object differ in it or in their size.
  public let modified: String

  public init(name: String, bytes: Int64, modified: String) {
    self.name = name
    self.bytes = bytes
    self.modified = modified
  }
}

/// Named objects that are whole or not there: a directory, or a bucket of any provider that rclone knows.
///
/// Calls wait, on threads that may; an implementation takes calls from any thread.
public protocol BlobStore: Sendable {
  /// As the user names it: `s3://bucket/prefix`.
  var location: String { get }

  /// The objects directly below the location, by name.
  /// - Throws: `blob.bucket-missing`, `blob.access-denied` and the others of an access.
  func list() throws -> [BlobStatus]

  /// - Returns: nil when there is no such object.
  func status(of name: String) throws -> BlobStatus?

  /// Begins an object of unknown length.
  /// - Parameter estimate: about how many bytes come; a store that cuts objects into a limited number of parts goes by it.
  /// - Throws: `blob.exists` when the name is taken.
  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload

  /// Reads up to `count` bytes from `offset` on; fewer only at the end.
  /// - Throws: `blob.not-found`; `blob.changed` when it is not the object of that status any more.
  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8]

  /// Returns also when there is no such object. Goes on when the run is asked to stop: clean-up outlives that, for some
  /// minutes.
  func delete(_ name: String) throws
}

/// An object on its way. Dropped or abandoned, it never appears.
public protocol BlobUpload: Sendable {
  /// Waits while too much is on its way; for one thread at a time.
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// When it returns, the object is in the store under its name. When it throws, that may come to pass all the same,
  /// until `abandon` returns.
  func finish() throws

  /// When it returns, the object is not there and will not appear, whatever the run was asked meanwhile. Does nothing
  /// after `finish` has returned.
  func abandon() throws
}

extension BlobStore {
  /// Puts a small object.
  public func put(_ bytes: [UInt8], as name: String) throws {
    let upload = try upload(name, estimate: Int64(bytes.count))
    do {
      try bytes.withUnsafeBytes(upload.write)
      try upload.finish()
    } catch {
      try upload.abandon()
      throw error
    }
  }
}
