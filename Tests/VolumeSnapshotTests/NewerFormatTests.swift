import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

/// Databases of a RocksDB newer than the one linked: refused by name, stored all the same with `--unproven`; proven like
/// any other where the linked one reads them. Written by rocksdict, which embeds RocksDB 9.8.
@Suite struct NewerFormatTests {
  private func makeDatabase(_ directory: String) async throws {
    let script = """
      import sys
      from rocksdict import Rdict, Options
      database = Rdict(sys.argv[1], options=Options(raw_mode=True))
      for i in range(1000): database[b"%08d" % i] = b"v" * 100
      database.flush()
      for i in range(10): database[b"x%d" % i] = b"v"
      database.close()
      """
    let result = try await Programs.run(
      "python3", ["-c", script, directory], environment: ["PYTHONPATH": Checkout.path(".build-tools/python")])
    try #require(result.status == 0, "\(result.errors)")
  }

  private func take(_ scratch: String, unproven: Bool) throws -> VolumeSnapshot {
    var options = SnapshotOptions(scratch: scratch)
    options.allowUnproven = unproven
    return try VolumeSnapshot.take("\(scratch)/db", options: options)
  }

  @Test func tablesTooNewAreRefusedNamingBothVersions() async throws {
    try await withTemporaryDirectory { scratch in
      try await makeDatabase("\(scratch)/db")
      guard RocksDBLibrary.newestTableFormat < 6 else {
        // Built against a newer library: the same database is proven like any other.
        let snapshot = try take(scratch, unproven: false)
        for item in snapshot.items { try item.prove?() }
        #expect(snapshot.databases[0].unproven.isEmpty && snapshot.databases[0].view?.sequence == 1010)
        return
      }
      let error = #expect(throws: GoudError.self) { try take(scratch, unproven: false) }
      #expect(error?.code == .databaseUnsupported)
      for words in ["table format 6", "RocksDB 9.8", RocksDBLibrary.version] {
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
      }
      #expect(error?.hint?.contains("--unproven") == true)
    }
  }

  @Test func anUnprovenCaptureHoldsEveryFileAndSaysWhy() async throws {
    try await withTemporaryDirectory { scratch in
      try await makeDatabase("\(scratch)/db")
      let snapshot = try take(scratch, unproven: true)
      #expect(snapshot.databases[0].unproven.count == (RocksDBLibrary.newestTableFormat < 6 ? 1 : 0))
      for item in snapshot.items { try item.prove?() }
      try snapshot.unpack(to: "\(scratch)/copy")
      let script = """
        import sys
        from rocksdict import Rdict, Options
        database = Rdict(sys.argv[1], options=Options(raw_mode=True))
        print(len(list(database.keys())))
        """
      let count = try await Programs.run(
        "python3", ["-c", script, "\(scratch)/copy"],
        environment: ["PYTHONPATH": Checkout.path(".build-tools/python")])
      #expect(count.output == "1010\n", "\(count.errors)")
    }
  }
}
