import GoudCore

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
/// Names may have folders, `data/ab/name`, and are as `BlobName` says; every call throws `usage.invalid` for others. A
/// folder is there as long as objects are in it. A name is not the name of an object and of a folder at once: a bucket
/// would allow it, a directory cannot.
///
/// Calls wait, on threads that may; an implementation takes calls from any thread.
public protocol BlobStore: Sendable {
  /// As the user names it: `s3://bucket/prefix`.
  var location: String { get }

  /// What the store was asked for since it was opened.
  var requests: RequestCounter { get }

  /// Whether a list that begins after a put has returned names the object, whoever put it and whoever lists. False where
  /// that is not known.
  var listsAtOnce: Bool { get }

  /// The objects in a folder, sorted by name. They are named from the location on, not from the folder.
  ///
  /// Pages are followed to the end; all of it is in memory, some 300 bytes an object.
  /// - Parameters:
  ///   - folder: "" for the location itself. One that is not there is empty.
  ///   - deep: also what lies in the folders below.
  /// - Throws: `blob.bucket-missing`, `blob.access-denied` and the others of an access: never is something that could not
  ///   be listed empty. Only a directory as a location is empty while it is not there, for it comes with its first object.
  func list(in folder: String, deep: Bool) throws -> [BlobStatus]

  /// - Returns: nil when there is no such object.
  func status(of name: String) throws -> BlobStatus?

  /// Begins an object of unknown length.
  /// - Parameter estimate: about how many bytes come; a store that cuts objects into a limited number of parts goes by it.
  /// - Throws: `blob.exists` when the name is taken.
  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload

  /// Puts an object of some MiB, whole or not at all. When it returns, the object is there to stay.
  ///
  /// Of two that put one name at the same time exactly one succeeds where the store has such a request; see there.
  /// - Throws: `blob.exists` when the name is taken; then the object there is untouched. After another error, such as
  ///   `blob.unreachable`, the object may be there or appear yet.
  func put(_ bytes: [UInt8], as name: String) throws

  /// Reads up to `count` bytes from `offset` on; fewer only at the end.
  /// - Throws: `blob.not-found`; `blob.changed` when it is not the object of that status any more.
  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8]

  /// The same of an object that nobody replaces, without having asked for its status.
  /// - Returns: nothing when the object ends at or before `offset`.
  /// - Throws: `blob.not-found`.
  func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8]

  /// Returns also when there is no such object. Goes on when the run is asked to stop: clean-up outlives that, for some
  /// minutes.
  func delete(_ name: String) throws

  /// Deletes many, in no order. When it throws, all the same the others were tried; what was deleted is gone.
  func delete(_ names: [String]) throws
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
  public var listsAtOnce: Bool { false }

  /// The objects directly below the location, by name.
  /// - Throws: `blob.bucket-missing`, `blob.access-denied` and the others of an access.
  public func list() throws -> [BlobStatus] { try list(in: "", deep: false) }

  /// The whole of an object that nobody replaces.
  /// - Parameter limit: how many bytes it may have.
  /// - Throws: `blob.not-found`; `blob.too-large` for an object above the limit.
  public func read(_ name: String, limit: Int = 64 << 20) throws -> [UInt8] {
    let bytes = try read(name, at: 0, count: limit + 1)
    guard bytes.count <= limit else {
      throw GoudError(.blobTooLarge, "\(location)/\(name) is larger than the \(ByteCount(limit)) expected of it")
    }
    return bytes
  }
}
