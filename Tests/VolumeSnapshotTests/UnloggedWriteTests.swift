import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

/// The boundary that the documents name: what a node keeps in its memory alone is not in a snapshot, which is otherwise
/// whole and proven; with the next flush it is. When a test here fails, the documents no longer tell the truth.
@Suite struct UnloggedWriteTests {
  /// The keys that a proven snapshot of a database that is open holds.
  private func keys(_ scratch: String) throws -> [String] {
    let snapshot = try VolumeSnapshot.take("\(scratch)/db", options: SnapshotOptions(scratch: scratch))
    for item in snapshot.items { try item.prove?() }
    #expect(snapshot.databases[0].unproven.isEmpty && snapshot.databases[0].view != nil)
    let copy = "\(scratch)/copy-\(UUID().uuidString)"
    try snapshot.unpack(to: copy)
    _ = try VolumeProof.check(copy, scratch: scratch)
    return try RawDatabase(copy).keys()
  }

  @Test func writesWithoutALogComeWithTheNextFlushOfTheirTable() throws {
    try inTemporaryDirectory { scratch in
      let database = try RawDatabase("\(scratch)/db")
      try database.put("logged")
      try database.put("unlogged", logged: false)
      try database.put("logged later")
      #expect(try keys(scratch) == ["logged", "logged later"])
      try database.flush()
      #expect(try keys(scratch) == ["logged", "logged later", "unlogged"])
    }
  }

  @Test func writesInTheLogsBufferComeWhenItIsHandedToTheSystem() throws {
    try inTemporaryDirectory { scratch in
      let database = try RawDatabase("\(scratch)/db", "manual_wal_flush=true")
      try database.put("handed over")
      try database.flushLog()
      try database.put("in the buffer")
      #expect(try keys(scratch) == ["handed over"])
      try database.flushLog()
      #expect(try keys(scratch) == ["handed over", "in the buffer"])
    }
  }

  @Test func writesInTheLogsBufferComeWithAFlushOfTheirTable() throws {
    try inTemporaryDirectory { scratch in
      let database = try RawDatabase("\(scratch)/db", "manual_wal_flush=true")
      try database.put("in the buffer")
      #expect(try keys(scratch) == [])
      try database.flush()
      #expect(try keys(scratch) == ["in the buffer"])
    }
  }
}
