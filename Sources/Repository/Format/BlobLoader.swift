/// Gives blobs back, to any number of threads at once.
public protocol BlobLoader: Sendable {
  /// The bytes, proven: their SHA-256 is `id`.
  /// - Throws: `repository.damaged` when the repository does not have it, or not as it was.
  func load(_ id: ObjectID, as kind: BlobKind) throws -> [UInt8]
}
