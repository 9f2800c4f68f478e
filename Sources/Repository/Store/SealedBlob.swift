import Crypto
import GoudCore

/// A blob in its box, seen to open again to what it was.
struct SealedBlob: Sendable {
  let id: ObjectID
  let kind: BlobKind
  let box: [UInt8]
  /// 0: not compressed.
  let uncompressedLength: UInt32

  /// - Parameter id: SHA-256 of `bytes`.
  /// - Throws: `internal.fault` when what was made does not open again: then a processor or memory fails.
  init(_ bytes: UnsafeRawBufferPointer, id: ObjectID, kind: BlobKind, key: RepositoryKey) throws {
    self.id = id
    self.kind = kind
    // Trees always: restic writes those again that are not.
    let compressed = kind == .tree && !bytes.isEmpty ? Zstd.compressAlways(bytes) : Zstd.compress(bytes)
    if let compressed {
      box = compressed.withUnsafeBytes { key.seal($0, spare: Self.spare) }
      uncompressedLength = UInt32(bytes.count)
    } else {
      box = key.seal(bytes, spare: Self.spare)
      uncompressedLength = 0
    }
    guard Self.digest(box, uncompressedLength: Int(uncompressedLength), key: key) == id else {
      throw GoudError(
        .internalFault, "\(kind) blob \(id) does not open again after it was sealed: the processor or the memory fails",
        hint: "test the machine's memory before anything else is written")
    }
  }

  /// A pack of one blob needs a header of one entry.
  private static let spare = 128

  /// SHA-256 of what is in a box; nil when it does not open.
  private static func digest(_ box: [UInt8], uncompressedLength: Int, key: RepositoryKey) -> ObjectID? {
    box.withUnsafeBytes { box in
      if uncompressedLength > 0 {
        return key.openIfGenuine(box)?.withUnsafeBytes { Zstd.decompress($0, count: uncompressedLength) }
          .map { ObjectID(sha256Of: $0) }
      }
      var digest = SHA256()
      return key.unseal(box) { digest.update(bufferPointer: $0) } ? ObjectID(digest.finalize()) : nil
    }
  }
}
