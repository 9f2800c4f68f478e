import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

/// Whatever RocksDB can open is proven; what only its application knows of a database is all that stays unproven.
@Suite struct ForeignKindTests {
  @Test(arguments: [
    "levels", "merges", "merged-blobs", "compressed-blobs", "timestamps", "names", "prefixes", "partitions",
    "dictionaries", "range-deletes", "wide-columns", "universal", "plain-tables", "cuckoo-tables",
  ])
  func whatShipsWithRocksDBIsProven(_ kind: String) async throws {
    try await withTemporaryDirectory { scratch in
      let database = try await ForeignDatabase(kind, in: scratch).roundTrip()
      #expect(database.unproven.isEmpty && database.unprovenOrders.isEmpty)
      #expect(database.view != nil)
    }
  }

  @Test func withoutOptionsItIsProvenAllTheSame() async throws {
    for kind in ["levels", "names", "timestamps"] {
      try await withTemporaryDirectory { scratch in
        let database = try await ForeignDatabase(kind, in: scratch)
        for path in try database.files("") where path.contains("/OPTIONS-") {
          try FileManager.default.removeItem(atPath: path)
        }
        #expect(try await database.roundTrip().unproven.isEmpty)
      }
    }
  }

  @Test func anOrderThatTurnsOutToBeThatOfBytesLeavesNothingUnproven() async throws {
    for kind in ["named-forwards", "forwards-blobs"] {
      try await withTemporaryDirectory { scratch in
        let database = try await ForeignDatabase(kind, in: scratch).roundTrip()
        #expect(database.unproven.isEmpty && database.unprovenOrders.isEmpty, "\(database.unprovenOrders)")
      }
    }
  }

  @Test func anOrderOfTheApplicationIsAllThatStaysUnproven() async throws {
    try await withTemporaryDirectory { scratch in
      let database = try await ForeignDatabase("by-length", in: scratch).roundTrip()
      #expect(database.unproven.isEmpty)
      #expect(
        database.unprovenOrders == [
          UnprovenOrder(family: "default", order: "foreign.ByLength"),
          UnprovenOrder(family: "from the end", order: "foreign.FromTheEnd"),
        ])
      let families = try #require(database.view?.families)
      #expect(families.contains { family in family.levels.dropFirst().contains { $0.files > 1 } }, "levels are tried")
    }
  }

  @Test(arguments: ["by-length-blobs", "by-length-one-table"])
  func anOrderIsJudgedByEveryKey(_ kind: String) async throws {
    try await withTemporaryDirectory { scratch in
      let database = try await ForeignDatabase(kind, in: scratch).roundTrip()
      #expect(database.unprovenOrders == [UnprovenOrder(family: "default", order: "foreign.ByLength")])
    }
  }

  @Test(arguments: [("by-length", ".sst"), ("named-forwards", ".sst"), ("merged-blobs", ".blob"), ("levels", ".sst")])
  func aFlippedByteIsFoundWhateverTheKind(_ kind: String, _ suffix: String) async throws {
    try await withTemporaryDirectory { scratch in
      let database = try await ForeignDatabase(kind, in: scratch)
      let path = try #require(try database.files(suffix).last)
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      bytes[600] ^= 0x10
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: GoudError.self) { for item in try database.take().items { try item.prove?() } }
      #expect(error?.code == .databaseCorrupt && error?.context["file"] == path, "\(error?.message ?? "")")
    }
  }

  @Test(arguments: [("by-length", ".sst"), ("named-forwards", ".sst"), ("merged-blobs", ".blob")])
  func aMissingFileIsFound(_ kind: String, _ suffix: String) async throws {
    try await withTemporaryDirectory { scratch in
      let database = try await ForeignDatabase(kind, in: scratch)
      try FileManager.default.removeItem(atPath: try #require(try database.files(suffix).last))
      let error = #expect(throws: GoudError.self) { try database.take() }
      #expect(error?.code == .databaseCorrupt && error?.message.contains(suffix) == true, "\(error?.message ?? "")")
    }
  }

  @Test func namesOfColumnFamiliesAreBytes() async throws {
    try await withTemporaryDirectory { scratch in
      let database = try await ForeignDatabase("names", in: scratch).take().databases[0]
      let names = Set(try #require(database.view).families.map(\.name))
      #expect(names.isSuperset(of: ["default", #"\x00\x01"#, #"\xff"#, #"a:b=c;{d}\x5c#"#, #"\x0a"#, "café", "rev:a"]))
      // `OPTIONS` writes them in a way of its own.
      #expect(database.options?.families["rev:a"]?["comparator"] == "rocksdb.ReverseBytewiseComparator")
    }
  }

  @Test func everyByteOfABlobFileCounts() async throws {
    try await withTemporaryDirectory { scratch in
      let path = try #require(try await ForeignDatabase("merged-blobs", in: scratch).files(".blob").last)
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      func fault(_ bytes: [UInt8]) throws -> String? {
        try BlobProof.fault(in: MemorySource(bytes), size: Int64(bytes.count))
      }
      #expect(try fault(whole) == nil)
      // All of the header but the family's number and the compression; a record and its header; the last lines.
      let offsets = Array(0..<8) + Array(12..<13) + Array(14..<200) + Array((whole.count - 200)..<whole.count)
      for offset in offsets {
        var bytes = whole
        bytes[offset] ^= 1 << UInt8(offset % 8)
        #expect(try fault(bytes) != nil, "byte \(offset)")
      }
      for size in stride(from: 0, to: whole.count, by: 997) { #expect(try fault(Array(whole[..<size])) != nil) }
    }
  }
}
