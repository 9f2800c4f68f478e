import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

/// The stored log ends with its last whole record: every recovery mode opens a backup, and finds the same.
@Suite struct StoredLogTests {
  static let modes = [
    "kTolerateCorruptedTailRecords", "kAbsoluteConsistency", "kPointInTimeRecovery", "kSkipAnyCorruptedRecords",
  ]

  /// What each of the modes finds in a copy of a snapshot, which must be proven.
  private func keys(_ volume: LoggedVolume, _ scratch: String) throws -> Set<[String]> {
    let snapshot = try volume.take()
    #expect(snapshot.databases[0].unproven.isEmpty)
    return try Set(
      Self.modes.map { mode in
        let copy = "\(scratch)/\(mode)"
        try? FileManager.default.removeItem(atPath: copy)
        try snapshot.unpack(to: copy)
        return try RawDatabase(copy, "\(volume.options)wal_recovery_mode=\(mode)").keys()
      })
  }

  @Test(arguments: [1, 3, 20, 40_000, 70_000])
  func aTornNewestLogIsStoredWithoutItsTornRecord(_ cut: Int) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened, lastBytes: 100_000)
      try volume.cut(volume.newest, to: volume.bytes(of: volume.newest).count - cut)
      #expect(try keys(volume, scratch) == [["a", "b", "c"]])
    }
  }

  @Test(arguments: [1, 6, 7, 8, 11, 12])
  func aTornHeaderIsNotStored(_ rest: Int) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.newest)
      try volume.cut(volume.newest, to: LoggedVolume.lastRecord(whole) + rest)
      #expect(try keys(volume, scratch) == [["a", "b", "c"]])
    }
  }

  @Test(arguments: [1, 7, 4096, 100_000])
  func theZerosOfAPreallocatedLogAreNotStored(_ zeros: Int) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      for log in [volume.oldest, volume.newest] {
        let whole = try volume.bytes(of: log)
        try volume.cut(log, to: whole.count + zeros, of: whole + [UInt8](repeating: 0, count: zeros))
      }
      #expect(try keys(volume, scratch) == [["a", "b", "c", "d"]])
      let logs = try volume.take().items.filter { $0.entry.path.hasSuffix(".log") }
      for log in logs { if case .file(let size) = log.entry.kind { #expect(size < 100) } }
    }
  }

  @Test(arguments: TwoLogs.allCases, [0, 3])
  func whatARecycledLogHeldBeforeIsNotStored(_ logs: TwoLogs, cutting: Int) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      for log in [volume.oldest, volume.newest] { try volume.recycle(log, cutting: cutting) }
      #expect(try keys(volume, scratch) == [["a", "b", "c", "d"]])
    }
  }

  /// A crash tore the log; the node came back, kept it, and went on in a new one.
  @Test func anOlderLogThatACrashToreIsStoredWithoutItsTornRecord() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened) { log in
        let size = try #require(try FileSystem.status(log)).st_size
        #expect(truncate(log, size - 3) == 0)
      }
      #expect(try keys(volume, scratch) == [["a", "c", "d"]])
    }
  }

  /// A power loss may leave pages of the unwritten end out of order. What the node dropped when it came back is no part
  /// of its database, even if it can be read; its sequence numbers were used again.
  @Test func whatTheNodeDroppedWhenItCameBackIsNeitherDamageNorStored() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened) { log in
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log)))
        let second = 7 + Int(bytes[4])
        for place in second..<(second + 7) { bytes[place] ^= 0x55 }
        try Data(bytes).write(to: URL(fileURLWithPath: log))
      }
      #expect(try keys(volume, scratch) == [["a", "c", "d"]])
    }
  }

  @Test func compressedLogsAreStoredToTheirLastRecord() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened, options: "wal_compression=kZSTD;", lastBytes: 50_000)
      #expect(try keys(volume, scratch) == [["a", "b", "c", "d"]])
      let whole = try volume.bytes(of: volume.newest)
      try volume.cut(volume.newest, to: whole.count - 5)
      #expect(try keys(volume, scratch) == [["a", "b", "c"]])
      try volume.flip(volume.newest, at: 40, of: whole)
      #expect(volume.refusal()?.code == .databaseCorrupt)
    }
  }
}
