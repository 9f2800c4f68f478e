import Foundation
import GoudCore

/// What lies in `index/`: which packs there are, and what is in them. All blobs of a pack are named in one place.
struct IndexFile: Sendable {
  /// After so many blobs restic begins a new file.
  static let blobLimit = 50_000

  var packs: [(id: ObjectID, entries: [PackEntry])] = []

  init(packs: [(id: ObjectID, entries: [PackEntry])] = []) { self.packs = packs }

  private struct JSON: Codable {
    struct Pack: Codable {
      let id: ObjectID
      let blobs: [Blob]
    }
    struct Blob: Codable {
      let id: ObjectID
      let type: String
      let offset: UInt32
      let length: UInt32
      let uncompressedLength: UInt32?

      enum CodingKeys: String, CodingKey {
        case id, type, offset, length
        case uncompressedLength = "uncompressed_length"
      }
    }
    /// Go writes an empty list as null.
    let packs: [Pack]?
  }

  var json: [UInt8] {
    get throws {
      let packs = packs.map { pack in
        JSON.Pack(
          id: pack.id,
          blobs: pack.entries.map {
            JSON.Blob(
              id: $0.id, type: $0.kind.description, offset: $0.offset, length: $0.length,
              uncompressedLength: $0.uncompressedLength > 0 ? $0.uncompressedLength : nil)
          })
      }
      return Array(try JSONEncoder().encode(JSON(packs: packs)))
    }
  }

  /// - Throws: `DecodingError`.
  init(json: [UInt8]) throws {
    packs = try (JSONDecoder().decode(JSON.self, from: Data(json)).packs ?? []).map { pack in
      let entries = try pack.blobs.map { blob in
        guard let kind = BlobKind(named: blob.type), blob.length >= RepositoryKey.overhead else {
          throw DecodingError.dataCorrupted(
            .init(codingPath: [], debugDescription: "blob \(blob.id) is of type \(blob.type) and \(blob.length) bytes"))
        }
        return PackEntry(
          id: blob.id, kind: kind, offset: blob.offset, length: blob.length,
          uncompressedLength: blob.uncompressedLength ?? 0)
      }
      return (pack.id, entries)
    }
  }
}
