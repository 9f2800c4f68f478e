import Crypto
import GoudCore

/// A pack that is being filled.
struct OpenPack: Sendable {
  private(set) var entries: [PackEntry] = []
  private var boxes: [[UInt8]] = []
  /// Bytes of the boxes.
  private(set) var size = 0
  /// What its blobs count in the writer's budget.
  private(set) var budget = 0

  /// A header of more entries comes near what restic refuses.
  private static let entryLimit = 200_000

  mutating func append(_ blob: SealedBlob, budget: Int) {
    entries.append(
      PackEntry(
        id: blob.id, kind: blob.kind, offset: UInt32(size), length: UInt32(blob.box.count),
        uncompressedLength: blob.uncompressedLength))
    boxes.append(blob.box)
    size += blob.box.count
    self.budget += budget
  }

  func isFull(at target: Int) -> Bool { size >= target || entries.count >= Self.entryLimit }

  /// Whether a blob of `bytes` would bring it to where offsets end.
  func hasRoom(for bytes: Int) -> Bool { size + bytes < Int(UInt32.max) - PackHeader.limit }

  /// The pack itself and its name.
  /// - Throws: `internal.fault` when the header does not open again.
  consuming func close(_ key: RepositoryKey) throws -> (id: ObjectID, bytes: [UInt8]) {
    let header = key.seal(PackHeader.encode(entries))
    guard try PackHeader.decode(key.open(header)) == entries else {
      throw GoudError(.internalFault, "a pack's header does not open again after it was sealed")
    }
    var bytes: [UInt8] = []
    if boxes.count == 1 {
      // The one box of a large blob has room for what comes behind it.
      bytes = boxes[0]
      boxes = []
    } else {
      bytes.reserveCapacity(size + header.count + PackHeader.trailer)
      for index in boxes.indices {
        bytes += boxes[index]
        boxes[index] = []
      }
    }
    bytes += header
    PackHeader.append(UInt32(header.count), to: &bytes)
    return (ObjectID(sha256Of: bytes), bytes)
  }
}
