import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Repository

/// What stock restic writes is read, and written again byte for byte: only then does a tree of the same directory have
/// the same name, and does restic take it for whole.
@Suite struct ResticTextTests {
  /// The trees below a root, as restic prints them, by their identifiers.
  private func trees(_ place: Place, _ root: ObjectID) async throws -> [ObjectID: [UInt8]] {
    var texts: [ObjectID: [UInt8]] = [:]
    var waiting = [root]
    while let id = waiting.popLast() {
      guard texts[id] == nil else { continue }
      let text = Array(try await place.sound("cat", "blob", id.hex).utf8)
      texts[id] = text
      waiting += try Tree(decoding: text).nodes.compactMap(\.subtree)
    }
    return texts
  }

  @Test(arguments: [("UTC", "Z"), ("Asia/Kathmandu", "+05:45"), ("America/St_Johns", "-03:30")], Restic.allCases)
  func everyTreeOfResticIsWrittenAgainByteForByte(_ zone: (name: String, offset: String), _ restic: Restic) async throws
  {
    try await Place.make(with: restic) { place in
      try await OddFiles.make(in: "\(place.path)/files", foreign: true)
      try place.create()
      try await place.backup("--with-atime", "files", timeZone: zone.name)
      let root = try Snapshot(decoding: Array(try await place.snapshot().utf8)).tree
      let texts = try await trees(place, root)
      #expect(texts.count == 5)
      for (id, text) in texts {
        let tree = try Tree(decoding: text)
        #expect(ObjectID(sha256Of: text) == id)
        #expect(String(decoding: tree.encoded(), as: UTF8.self) == String(decoding: text, as: UTF8.self))
        #expect(tree.encoded() == text)
      }
      let names = try texts.values.flatMap { try Tree(decoding: $0).nodes.map(\.name) }
      #expect(Set(names).isSuperset(of: OddFiles.names.map(\.nameBytes) + [[0x69, 0xe9, 0xff], [0xed, 0xa0, 0x80]]))
      #expect(texts.values.contains { String(decoding: $0, as: UTF8.self).contains("\(zone.offset)\",\"atime\"") })
    }
  }

  @Test(arguments: Restic.allCases) func aSnapshotOfResticIsReadAndNamesWhatItWasTold(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      try AtomicFile.write([1], to: "\(place.path)/file & <name>")
      try place.create()
      try await place.backup(
        "--tag", "goud,env=a&b", "--tag", "\u{fc}", "--exclude", "*.tmp", "--host", "h", "--time",
        "2026-01-02 03:04:05",
        "file & <name>", timeZone: "Asia/Kathmandu")
      let text = try await place.snapshot()
      let snapshot = try Snapshot(decoding: Array(text.utf8))
      #expect(snapshot.time == Timestamp(seconds: 1_767_302_345, offset: 345))
      #expect(snapshot.tags == ["goud", "env=a&b", "\u{fc}"])
      #expect(snapshot.excludes == ["*.tmp"])
      #expect(snapshot.hostname == "h" && snapshot.paths == ["\(place.path)/file & <name>"])
      // `restic cat` prints it with blanks: without them it is what Goud writes.
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary
      #expect(try JSONSerialization.jsonObject(with: Data(try snapshot.encoded())) as? NSDictionary == object)
    }
  }
}
