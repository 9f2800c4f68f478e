import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

/// What cannot be captured whole is refused by name, and nothing is changed.
@Suite struct RefusalTests {
  /// Damages a written volume with `damage` and returns the error of a snapshot of it.
  private func refusal(
    _ arguments: [String] = [], operations: Int = 3000, _ damage: (String) throws -> Void
  ) async throws -> GoudError? {
    try await withTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let further = arguments.map { $0.replacingOccurrences(of: "@", with: scratch) }
      try await writeDatabase(volume, operations: operations, ["--write-buffer", "65536"] + further)
      try damage(volume)
      let before = try FileSystem.names(in: volume).sorted()
      defer { #expect((try? FileSystem.names(in: volume).sorted()) == before, "a snapshot changed the volume") }
      do {
        let snapshot = try VolumeSnapshot.take(volume, options: SnapshotOptions(scratch: scratch))
        for item in snapshot.items { try item.prove?() }
        return nil
      } catch let error as GoudError {
        return error
      }
    }
  }

  private func tables(_ volume: String) throws -> [String] {
    try FileSystem.names(in: volume).filter { $0.hasSuffix(".sst") }.sorted().map { "\(volume)/\($0)" }
  }

  private func flip(_ path: String, at offset: Int) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes[offset] ^= 0x10
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  @Test func anUndamagedVolumeIsNotRefused() async throws {
    #expect(try await refusal { _ in } == nil)
  }

  @Test func aMissingTableIsNamed() async throws {
    let error = try await refusal { volume in
      try FileManager.default.removeItem(atPath: try #require(try tables(volume).last))
    }
    #expect(error?.code == .databaseCorrupt)
    #expect(error?.message.contains(".sst") == true, "\(error?.message ?? "")")
  }

  @Test func aTruncatedTableIsFound() async throws {
    let error = try await refusal { volume in
      let last = try #require(try tables(volume).last)
      #expect(truncate(last, 100) == 0)
    }
    #expect(error?.code == .databaseCorrupt)
  }

  @Test func aFlippedByteInATableIsFound() async throws {
    let error = try await refusal { volume in
      try flip(try #require(try tables(volume).last), at: 1000)
    }
    #expect(error?.code == .databaseCorrupt)
    #expect(error?.context["file"]?.hasSuffix(".sst") == true)
  }

  @Test func aFlippedByteInABlobFileIsFound() async throws {
    let error = try await refusal(["--blobs"]) { volume in
      let blobs = try FileSystem.names(in: volume).filter { $0.hasSuffix(".blob") }.sorted()
      try flip("\(volume)/\(try #require(blobs.last))", at: 1000)
    }
    #expect(error?.code == .databaseCorrupt)
  }

  @Test(arguments: [[], ["--recycle", "2"]])
  func aFlippedByteInTheMiddleOfALogIsFound(_ arguments: [String]) async throws {
    // Without --write-buffer nothing is flushed: the writes are in one log.
    let error = try await refusal(arguments + ["--write-buffer", "67108864"], operations: 500) { volume in
      let logs = try FileSystem.names(in: volume).filter { $0.hasSuffix(".log") }.sorted()
      try flip("\(volume)/\(try #require(logs.last))", at: 5000)
    }
    #expect(error?.code == .databaseCorrupt)
    #expect(error?.context["file"]?.hasSuffix(".log") == true)
  }

  @Test func theTornEndOfALogIsNotDamage() async throws {
    let error = try await refusal(["--write-buffer", "67108864"], operations: 500) { volume in
      let logs = try FileSystem.names(in: volume).filter { $0.hasSuffix(".log") }.sorted()
      let log = "\(volume)/\(try #require(logs.last))"
      let size = try #require(try FileSystem.status(log)).st_size
      #expect(truncate(log, size - 40) == 0)
    }
    #expect(error == nil)
  }

  @Test func aTruncatedManifestIsFound() async throws {
    let error = try await refusal { volume in
      let name = try #require(try FileSystem.names(in: volume).first { $0.hasPrefix("MANIFEST-") })
      #expect(truncate("\(volume)/\(name)", 40) == 0)
    }
    #expect(error?.code == .databaseCorrupt)
  }

  @Test func aCurrentThatNamesNoManifestIsFound() async throws {
    let error = try await refusal { volume in
      try Data([0x8f, 0x12, 0xff, 0x00]).write(to: URL(fileURLWithPath: "\(volume)/CURRENT"))
    }
    #expect(error?.code == .databaseCorrupt)
    #expect(error?.hint?.contains("encrypted") == true)
  }

  @Test func logsOutsideTheVolumeAreRefusedByName() async throws {
    let error = try await refusal(["--log-directory", "@/elsewhere"], operations: 100) { _ in }
    #expect(error?.code == .snapshotUnsupported)
    #expect(error?.message.contains("elsewhere") == true)
  }

  @Test func tablesOutsideTheVolumeAreRefused() async throws {
    let error = try await refusal(["--table-directory", "@/elsewhere", "--table-bytes", "65536"]) { _ in }
    #expect(error?.code == .databaseCorrupt)
    #expect(error?.hint?.contains("db_paths") == true)
  }

  @Test func aDirectoryWithoutADatabaseIsRefused() throws {
    try inTemporaryDirectory { scratch in
      let error = #expect(throws: GoudError.self) {
        try VolumeSnapshot.take(scratch, options: SnapshotOptions(scratch: scratch))
      }
      #expect(error?.code == .volumeNoDatabase)
    }
  }

  @Test func linksOutOfTheVolumeAreRecognised() {
    #expect(FileEntry.staysInside("a/link", target: "../b/./c"))
    #expect(FileEntry.staysInside("a/link", target: "b"))
    #expect(!FileEntry.staysInside("link", target: "../b"))
    #expect(!FileEntry.staysInside("a/link", target: "b/../../../c"))
    #expect(!FileEntry.staysInside("a/link", target: "/etc/passwd"))
    #expect(!FileEntry.staysInside("a/link", target: ""))
    // By bytes: an accent behind a slash does not hide it.
    #expect(!FileEntry.staysInside("link", target: "../\u{301}b"))
    #expect(!FileEntry.staysInside("link", target: "/\u{301}b"))
    // `a/up` may itself be a link to the volume's root; one step up from there is outside.
    #expect(FileEntry.staysInside("a/up", target: ".."))
    #expect(!FileEntry.staysInside("link", target: "a/up/.."))
  }
}
