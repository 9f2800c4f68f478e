public import Foundation
import GoudCore
public import Repository

/// What was added to the logs of one volume in one tick: one object of a repository's tail.
///
/// Format: `box( length of the header, 4 bytes little-endian ‖ header, JSON ‖ log bytes, those of one part behind those of
/// the other )`, compressed as restic's unpacked files are, under the repository's key (docs/repository.md).
public struct TailPiece: Sendable, Equatable {
  /// Whole records of one log.
  public struct Part: Sendable, Equatable {
    /// The log, relative to the volume.
    public var path: String
    /// Where in the log they begin.
    public var offset: Int64
    public var bytes: [UInt8]

    public init(path: String, offset: Int64, bytes: [UInt8]) {
      (self.path, self.offset, self.bytes) = (path, offset, bytes)
    }
  }

  /// Which volume's it is, and on which commit it stands.
  public var chain: TailChain
  /// From 0 on, without a gap.
  public var number: UInt64
  /// Every write that was acknowledged before is in the commit and in the pieces up to this one. Whole milliseconds.
  public var moment: Date
  /// The sequence number of the newest write of each database, by its path in the volume.
  public var newest: [String: UInt64]
  public var parts: [Part]
  /// SHA-256 of the stored object before this one; nil for the first. With the numbers it makes a gap, a fork and a replay
  /// visible.
  public var before: ObjectID?

  public init(
    chain: TailChain, number: UInt64, moment: Date, newest: [String: UInt64], parts: [Part], before: ObjectID?
  ) {
    (self.chain, self.number, self.newest, self.parts, self.before) = (chain, number, newest, parts, before)
    self.moment = Date(timeIntervalSince1970: (moment.timeIntervalSince1970 * 1000).rounded(.down) / 1000)
  }
}

extension TailPiece {
  private struct Header: Codable {
    struct Part: Codable {
      let path: String
      let offset: Int64
      let bytes: Int
    }

    let version: Int
    let volume: String
    let commit: String
    let number: UInt64
    /// Since 1970.
    let milliseconds: Int64
    let newest: [String: UInt64]
    let parts: [Part]
    let before: ObjectID?
  }

  /// The highest version that this reads.
  private static let version = 1

  /// In front of compression and sealing.
  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let header = try encoder.encode(
      Header(
        version: Self.version, volume: chain.volume, commit: chain.commit, number: number,
        milliseconds: Int64((moment.timeIntervalSince1970 * 1000).rounded()), newest: newest,
        parts: parts.map { .init(path: $0.path, offset: $0.offset, bytes: $0.bytes.count) }, before: before))
    var bytes: [UInt8] = withUnsafeBytes(of: UInt32(header.count).littleEndian) { Array($0) }
    bytes += header
    for part in parts { bytes += part.bytes }
    return bytes
  }

  /// - Throws: `repository.damaged`, `archive.unsupported` for what a newer goud wrote.
  init(_ bytes: [UInt8], _ name: String) throws {
    func damaged(_ why: String) -> GoudError {
      GoudError(.repositoryDamaged, "\(name) is damaged: \(why)", hint: "goud repo check says what else is")
    }
    guard bytes.count >= 4 else { throw damaged("it is too short") }
    let count = bytes.withUnsafeBytes { Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))) }
    guard count <= bytes.count - 4,
      let header = try? JSONDecoder().decode(Header.self, from: Data(bytes[4..<4 + count]))
    else { throw damaged("it has no header") }
    guard header.version <= Self.version else {
      throw GoudError(.archiveUnsupported, "\(name) was written by a newer goud", hint: "use a newer goud")
    }
    var offset = 4 + count
    parts = try header.parts.map { part in
      guard part.bytes >= 0, part.offset >= 0, part.bytes <= bytes.count - offset else { throw damaged("it is cut") }
      defer { offset += part.bytes }
      return Part(path: part.path, offset: part.offset, bytes: Array(bytes[offset..<offset + part.bytes]))
    }
    guard offset == bytes.count else { throw damaged("bytes are left over") }
    chain = TailChain(volume: header.volume, commit: header.commit)
    number = header.number
    moment = Date(timeIntervalSince1970: Double(header.milliseconds) / 1000)
    newest = header.newest
    before = header.before
  }
}
