import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// RocksDB's `SstFileManager` cuts what it deletes bit by bit, and so what a snapshot holds of it: that says nothing of
/// the database.
@Suite struct HeldTablesTests {
  /// A volume and the path of its only table.
  private func withTable(_ body: (SmallVolume, String) throws -> Void) throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try body(volume, "\(volume.path)/db/\(try #require(try volume.names("db", \.isTableOrBlob).first))")
    }
  }

  private func read(_ snapshot: VolumeSnapshot) throws {
    for item in snapshot.items {
      guard case .file(let size) = item.entry.kind, let content = item.content else { continue }
      var bytes = [UInt8](repeating: 0, count: Int(size))
      _ = try bytes.withUnsafeMutableBytes { try content.read(into: $0, at: 0) }
    }
  }

  @Test func aTableThatIsCutWhileItIsHeldIsNotDamaged() throws {
    try withTable { volume, table in
      let snapshot = try volume.take()
      #expect(truncate(table, 100) == 0)
      let proof = #expect(throws: GoudError.self) { for item in snapshot.items { try item.prove?() } }
      #expect(proof?.code == .snapshotCut)
      let reading = #expect(throws: GoudError.self) { try read(snapshot) }
      #expect(reading?.code == .snapshotCut)
      // One that is short under its own name is.
      #expect(volume.refusal()?.code == .databaseCorrupt)
    }
  }

  @Test func copiedTablesAreNotCut() throws {
    try withTable { volume, table in
      var options = SnapshotOptions(scratch: volume.scratch)
      options.copiesTables = true
      let snapshot = try VolumeSnapshot.take(volume.path, options: options)
      #expect(rename(table, "\(table).trash") == 0 && truncate("\(table).trash", 0) == 0)
      for item in snapshot.items { try item.prove?() }
      try snapshot.unpack(to: "\(volume.scratch)/copy")
      #expect(try RawDatabase("\(volume.scratch)/copy/db").keys() == ["a", "db", "z"])
    }
  }

  @Test func aFileThatGrowsIsCopiedAgain() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: [])
      try volume.write("000001.sst", "begun")
      let directory = try UntrustedDirectory(root: volume.path)
      var tables = HeldTables()
      tables.copies = try Scratch(SnapshotOptions(scratch: scratch))
      try tables.update(from: [directory])
      try volume.write("000001.sst", "begun and done")
      try tables.update(from: [directory])
      #expect(try tables.files[.table(1)]?.file.readAll() == Array("begun and done".utf8))
    }
  }

  @Test func severalNamesOfOneFileAreOneFile() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: [])
      for (name, text) in [("own/000001.sst", "own"), ("a/000001.sst", "other"), ("a/000002.sst", "far")] {
        try volume.write(name, text)
      }
      try volume.write("b/x")
      #expect(link("\(volume.path)/a/000002.sst", "\(volume.path)/b/000002.sst") == 0)
      let root = try UntrustedDirectory(root: volume.path)
      var tables = HeldTables()
      try tables.update(from: try ["own", "a", "b"].map { try #require(try root.directory($0)) })
      #expect(try tables.files[.table(1)]?.file.readAll() == Array("own".utf8))
      #expect(try tables.files[.table(2)]?.file.readAll() == Array("far".utf8))
      #expect(tables.rivals.isEmpty)
      try volume.write("b/000001.sst", "third")
      try volume.write("b/000003.sst", "b's")
      try volume.write("a/000003.sst", "a's")
      try tables.update(from: try ["own", "a", "b"].map { try #require(try root.directory($0)) })
      #expect(tables.rivals.keys.map { $0 } == [.table(3)])
    }
  }
}
