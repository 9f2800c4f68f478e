import Foundation
import GoudCore
import Testing

@testable import Repository

@Suite struct FormatTests {
  private let entries = [
    PackEntry(id: ObjectID(sha256Of: [1]), kind: .data, offset: 0, length: 100, uncompressedLength: 0),
    PackEntry(id: ObjectID(sha256Of: [2]), kind: .tree, offset: 100, length: 50, uncompressedLength: 999),
    PackEntry(id: ObjectID(sha256Of: [3]), kind: .data, offset: 150, length: 32, uncompressedLength: 0),
  ]

  @Test func aHeaderSaysWhatIsInThePack() {
    let header = PackHeader.encode(entries)
    #expect(header.count == 37 + 41 + 37)
    #expect(header[0] == 0 && header[37] == 3)
    #expect(PackHeader.decode(header) == entries)
    #expect(PackHeader.packSize(entries) == 182 + 32 + 115 + 4)
  }

  @Test func whatIsNoHeaderIsNil() {
    let header = PackHeader.encode(entries)
    #expect(PackHeader.decode([]) == nil)
    #expect(PackHeader.decode(Array(header.dropLast())) == nil)
    #expect(PackHeader.decode(header + [0]) == nil)
    #expect(PackHeader.decode([4] + header.dropFirst()) == nil)
    // A box that is smaller than an empty one.
    #expect(PackHeader.decode([0, 31, 0, 0, 0] + header[5..<37]) == nil)
  }

  @Test func anIndexIsReadAsItWasWritten() throws {
    let file = IndexFile(packs: [(ObjectID(sha256Of: [9]), entries), (ObjectID(sha256Of: [8]), [entries[0]])])
    let read = try IndexFile(json: file.json)
    #expect(read.packs.map(\.id) == file.packs.map(\.id))
    #expect(read.packs.map(\.entries) == file.packs.map(\.entries))
  }

  @Test func whatAnIndexSaysBesidesIsNothing() throws {
    let json = #"{"supersedes":["x"],"packs_to_delete":[{"id":1}],"packs":null}"#
    #expect(try IndexFile(json: Array(json.utf8)).packs.isEmpty)
  }

  @Test(arguments: ["{", #"{"packs":[{"id":"ab","blobs":[]}]}"#, #"{"packs":[{}]}"#])
  func whatIsNoIndexThrows(_ json: String) {
    #expect(throws: DecodingError.self) { try IndexFile(json: Array(json.utf8)) }
  }

  @Test func jsonIsReadPlainAndCompressed() {
    let json = Array(#"{"a":1}"#.utf8)
    #expect(UnpackedFile.decode(json) == json)
    #expect(UnpackedFile.decode(UnpackedFile.encode(json)) == json)
    let large = text(3_000_000)
    #expect(UnpackedFile.decode(UnpackedFile.encode(large)) == large)
    #expect(UnpackedFile.decode([]) == nil)
    #expect(UnpackedFile.decode([1] + json) == nil)
    #expect(UnpackedFile.decode([2] + json) == nil)
    #expect(UnpackedFile.decode(UnpackedFile.encode(large).dropLast(1)) == nil)
  }

  @Test func twoFramesAreOneText() {
    let frames = text(1000).withUnsafeBytes(Zstd.compressAlways) + text(500).withUnsafeBytes(Zstd.compressAlways)
    let plain = text(1000) + text(500)
    #expect(frames.withUnsafeBytes { Zstd.decompress($0, count: 1500) } == plain)
    #expect(frames.withUnsafeBytes { Zstd.decompress($0, limit: 1500) } == plain)
    #expect(frames.withUnsafeBytes { Zstd.decompress($0, count: 1499) } == nil)
    #expect(frames.withUnsafeBytes { Zstd.decompress($0, count: 1501) } == nil)
    #expect(frames.withUnsafeBytes { Zstd.decompress($0, limit: 1499) } == nil)
  }

  @Test(arguments: [1000, 600_000, 5_000_000])
  func whatDoesNotShrinkIsLeftAsItIs(_ count: Int) {
    #expect(noise(count).withUnsafeBytes(Zstd.compress) == nil)
    #expect(text(count).withUnsafeBytes(Zstd.compress) != nil)
  }

  /// What is judged by pieces of it is judged by pieces from all over it.
  @Test func aLargeBlobThatShrinksInItsSecondHalfIsCompressed() {
    let mixed = noise(4 << 20) + text(4 << 20)
    #expect(mixed.withUnsafeBytes(Zstd.compress)?.count ?? .max < 5 << 20)
  }

  @Test(arguments: [
    ("2026-11-30T12:00:00Z", 1_796_040_000.0), ("2026-11-30T12:00:00.5Z", 1_796_040_000.5),
    ("2026-11-30T13:00:00.123456789+01:00", 1_796_040_000.123456789), ("1969-12-31T23:59:59.75Z", -0.25),
  ])
  func timesAreReadAsGoWritesThem(_ text: String, _ seconds: Double) throws {
    let date = try #require(RFC3339.date(text))
    #expect(abs(date.timeIntervalSince1970 - seconds) < 1e-6)
    #expect(abs(try #require(RFC3339.date(RFC3339.text(date))).timeIntervalSince1970 - seconds) < 2e-6)
  }

  @Test(arguments: ["", "yesterday", "2026-11-30", "2026-11-30T12:00:00.Z"])
  func whatIsNoTimeIsNil(_ text: String) { #expect(RFC3339.date(text) == nil) }
}
