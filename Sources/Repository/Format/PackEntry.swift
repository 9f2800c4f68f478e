/// Where a blob lies in a pack.
public struct PackEntry: Sendable, Equatable {
  public let id: ObjectID
  public let kind: BlobKind
  /// Where its box begins in the pack.
  public let offset: UInt32
  /// Of its box.
  public let length: UInt32
  /// Of its plain bytes, when zstd lies between them and the box; else 0.
  public let uncompressedLength: UInt32

  public init(id: ObjectID, kind: BlobKind, offset: UInt32, length: UInt32, uncompressedLength: UInt32) {
    self.id = id
    self.kind = kind
    self.offset = offset
    self.length = length
    self.uncompressedLength = uncompressedLength
  }

  /// Bytes of the blob itself.
  public var plainLength: Int {
    uncompressedLength > 0 ? Int(uncompressedLength) : max(0, Int(length) - RepositoryKey.overhead)
  }

  /// Where the next one begins.
  var end: Int { Int(offset) + Int(length) }
}
