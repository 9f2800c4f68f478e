/// Takes blobs, from any number of threads at once.
public protocol BlobSaver: Sendable {
  /// Stores `bytes`, unless they are stored already. Waits while too much is on its way.
  ///
  /// What is new is durable only after the saver has been told that everything came.
  /// - Parameter bytes: at most 64 MiB.
  @discardableResult
  func save(_ bytes: [UInt8], as kind: BlobKind) throws -> SavedBlob
}

/// What became of a blob.
public struct SavedBlob: Sendable, Equatable {
  /// SHA-256 of its bytes.
  public let id: ObjectID
  /// Whether it was stored now; false: the same bytes were there, or came earlier in this run.
  public let isNew: Bool
  /// What it takes in the repository, compressed and sealed; 0 when it is not new.
  public let storedBytes: Int

  public init(id: ObjectID, isNew: Bool, storedBytes: Int) {
    self.id = id
    self.isNew = isNew
    self.storedBytes = storedBytes
  }
}
