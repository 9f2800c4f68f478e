import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

/// Several logs that hold writes not yet in tables: all of them are in a snapshot, or it is refused.
@Suite struct LiveLogTests {
  // MARK: Healthy

  /// RocksDB 7.8.3 stops a process that opens such a database read-only without the option.
  @Test func aDatabaseThatNotesItsLogsInTheManifestIsTaken() throws {
    try inTemporaryDirectory { scratch in
      let noted = "track_and_verify_wals_in_manifest=true;"
      let database = try RawDatabase("\(scratch)/db", noted)
      // Two closed logs on the device: one with writes that are in no table, and one, later, with none.
      for round in 0..<3 {
        try database.put("a\(round)")
        try database.put("x\(round)", family: 1)
        try database.flush(family: round == 1 ? 0 : 1)
        try database.put("b\(round)")
        try database.flushLog(sync: true)
        let snapshot = try VolumeSnapshot.take("\(scratch)/db", options: SnapshotOptions(scratch: scratch))
        try snapshot.unpack(to: "\(scratch)/copy\(round)")
        let copy = try RawDatabase("\(scratch)/copy\(round)", noted)
        #expect(try copy.keys() == database.keys())
        #expect(try copy.keys(family: 1) == database.keys(family: 1))
      }
    }
  }

  @Test(arguments: TwoLogs.allCases)
  func everyWriteOfTwoHealthyLogsIsInTheView(_ logs: TwoLogs) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      let view = try #require(try volume.take().databases[0].view)
      #expect(view.sequence == 5 && view.logsRead.count == 2 && view.oldestLiveLog <= view.logsRead.min()!)
      #expect(try volume.recoveredKeys() == ["a", "b", "c", "d"])
    }
  }

  @Test func theTornEndOfTheNewestLogIsAccepted() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      try volume.cut(volume.newest, to: volume.bytes(of: volume.newest).count - 3)
      #expect(try volume.take().databases[0].view?.sequence == 4)
      #expect(try volume.recoveredKeys() == ["a", "b", "c"])
    }
  }

  @Test func aNewestLogWithNothingButATornRecordIsAccepted() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.newest)
      for size in [0, 3, 9] {
        try volume.cut(volume.newest, to: size, of: whole)
        #expect(try volume.take().databases[0].view?.sequence == 3, "cut to \(size)")
      }
    }
  }

  /// A crash tore the log; the node came back, kept it, and went on in a new one with the next sequence number.
  @Test func aTornLogThatTheNodeRecoveredFromIsAcceptedWithAllThatFollows() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened) { log in
        let size = try #require(try FileSystem.status(log)).st_size
        #expect(truncate(log, size - 3) == 0)
      }
      let view = try #require(try volume.take().databases[0].view)
      #expect(view.sequence == 4 && view.logsRead.count == 2)
      #expect(try volume.recoveredKeys() == ["a", "c", "d"])
    }
  }

  /// A recycled log ends in what its earlier use left, and recovery takes that for its end.
  @Test(arguments: TwoLogs.allCases, [0, 3])
  func recycledLogsAreAllInTheView(_ logs: TwoLogs, cutting: Int) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      for log in [volume.oldest, volume.newest] { try volume.recycle(log, cutting: cutting) }
      let view = try #require(try volume.take().databases[0].view)
      #expect(view.sequence == 5 && view.logsRead.count == 2)
      #expect(try volume.recoveredKeys() == ["a", "b", "c", "d"])
    }
  }

  @Test func aLogWhoseWritesAreAllInTablesNeedNotBeRead() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let old = try volume.bytes(of: volume.newest)
      let database = try RawDatabase(volume.path, volume.options)
      for family in 0...1 { try database.flush(family: family) }
      try database.put("e")
      try Data(old).write(to: URL(fileURLWithPath: "\(volume.path)/000002.log"))
      let view = try #require(try volume.take().databases[0].view)
      #expect(view.sequence == 6 && view.oldestLiveLog > 2 && !view.logsRead.contains(2))
    }
  }

  /// What is written without a log leaves out sequence numbers, beside logs and between them.
  @Test(arguments: TwoLogs.allCases)
  func numbersOfWritesWithoutALogAreNotMissed(_ logs: TwoLogs) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      let database = try RawDatabase(volume.path, volume.options)
      for round in 0..<3 {
        try database.put("unlogged\(round)", logged: false)
        try database.put("logged\(round)")
        try database.put("y\(round)", family: 1)
        #expect(volume.refusal() == nil, "round \(round)")
        try database.flush(family: 1)
        try database.put("unlogged after\(round)", logged: false)
        try database.put("logged after\(round)")
        #expect(volume.refusal() == nil, "round \(round), flushed")
      }
    }
  }

  // MARK: Damaged

  @Test(arguments: TwoLogs.allCases)
  func anyBitFlippedInTheLastRecordOfAnOlderLogIsRefused(_ logs: TwoLogs) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      let whole = try volume.bytes(of: volume.oldest)
      for offset in LoggedVolume.lastRecord(whole)..<whole.count {
        try volume.flip(volume.oldest, at: offset, of: whole)
        #expect(volume.refusal()?.code == .databaseCorrupt, "byte \(offset) of \(whole.count)")
      }
    }
  }

  @Test(arguments: TwoLogs.allCases)
  func anOlderLogCutInItsLastRecordIsRefused(_ logs: TwoLogs) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      let whole = try volume.bytes(of: volume.oldest)
      for size in (LoggedVolume.lastRecord(whole) + 1)..<whole.count {
        try volume.cut(volume.oldest, to: size, of: whole)
        #expect(volume.refusal()?.code == .databaseCorrupt, "cut to \(size) of \(whole.count)")
      }
    }
  }

  @Test func theRefusalNamesTheDamagedLogAndTheOneThatWouldBeLost() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.oldest)
      try volume.flip(volume.oldest, at: whole.count - 1, of: whole)
      let error = try #require(volume.refusal())
      #expect(error.context == ["file": volume.oldest, "unread": volume.newest])
      #expect(try !volume.recoveredKeys().contains("c"), "RocksDB itself drops the newer log")
      let snapshot = try volume.take(unproven: true)
      #expect(snapshot.databases[0].unproven == [error.message])
      let proof = #expect(throws: GoudError.self) {
        try VolumeProof.check(volume.path, depth: .quick, scratch: scratch)
      }
      #expect(proof?.code == .databaseCorrupt)
    }
  }

  /// RocksDB takes zeros for the end of a preallocated log, and goes on in the next one.
  @Test(arguments: TwoLogs.allCases)
  func zerosInsteadOfTheLastRecordOfAnOlderLogAreRefused(_ logs: TwoLogs) throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, logs)
      let whole = try volume.bytes(of: volume.oldest)
      try volume.cut(volume.oldest, to: LoggedVolume.lastRecord(whole))
      #expect(truncate(volume.oldest, off_t(whole.count)) == 0)
      #expect(volume.refusal()?.context == ["file": volume.oldest, "unread": volume.newest])
    }
  }

  @Test func anOlderLogOfWhichNothingIsLeftToReadIsRefused() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.oldest)
      // The first of its records alone, and damaged.
      let first = 7 + Int(whole[4]) + Int(whole[5]) << 8
      try volume.flip(volume.oldest, at: first - 1, of: Array(whole[..<first]))
      #expect(volume.refusal()?.context["unread"] == volume.newest)
    }
  }

  @Test func aNewerLogThatBeginsWithARecordOfManyBlocksIsMissed() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened, newestBytes: 100_000)
      let whole = try volume.bytes(of: volume.oldest)
      #expect(volume.refusal() == nil)
      try volume.flip(volume.oldest, at: whole.count - 1, of: whole)
      #expect(volume.refusal()?.context["unread"] == volume.newest)
      // Torn inside its one record, it holds nothing to lose.
      try volume.cut(volume.newest, to: 90_000)
      #expect(volume.refusal() == nil)
    }
  }

  /// The limits of what can be told: nothing is left that would give it away. Sequence numbers do not: writes without a
  /// log leave them out as well.
  @Test func anOlderLogCutBetweenTwoRecordsLooksWhole() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      try volume.cut(volume.oldest, to: LoggedVolume.lastRecord(volume.bytes(of: volume.oldest)))
      #expect(volume.refusal() == nil)
    }
  }

  /// As well: nothing follows.
  @Test func damageInTheVeryLastRecordLooksLikeATornEnd() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.newest)
      try volume.flip(volume.newest, at: whole.count - 1, of: whole)
      #expect(try volume.take().databases[0].view?.sequence == 4)
    }
  }
}
