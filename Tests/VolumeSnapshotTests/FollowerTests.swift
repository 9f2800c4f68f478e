import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

/// What is done to a database between two looks: either all of it is handed over, or it is said that it is not.
@Suite struct FollowerTests {
  private struct Place {
    let scratch: String
    var volume: String { "\(scratch)/volume" }
    let database: RawDatabase
    var copy: FollowedCopy

    init(_ scratch: String, _ options: String = "", _ before: (RawDatabase) throws -> Void = { _ in }) throws {
      self.scratch = scratch
      try FileManager.default.createDirectory(atPath: "\(scratch)/volume/db", withIntermediateDirectories: true)
      database = try RawDatabase("\(scratch)/volume/db", options)
      try database.put("before")
      try before(database)
      copy = try Self.follow("\(scratch)/volume", scratch)
    }

    static func follow(_ volume: String, _ scratch: String) throws -> FollowedCopy {
      let snapshot = try VolumeSnapshot.take(volume, options: SnapshotOptions(scratch: scratch))
      return try FollowedCopy(snapshot, at: "\(scratch)/base")
    }

    /// The snapshot and what was handed over have what the database has.
    func isEqual(_ options: String = "") throws -> Bool {
      try copy.build("\(scratch)/copy")
      let made = try RawDatabase("\(scratch)/copy/db", options)
      return try (0...1).allSatisfy { try made.keys(family: $0) == database.keys(family: $0) }
    }
  }

  // MARK: Handed over

  @Test func whatIsWrittenIsHandedOverLookByLook() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      for round in 0..<5 {
        try place.database.put("a\(round)")
        try place.database.put("b\(round)", family: 1, bytes: 40_000)
        #expect(try place.copy.look() == nil)
        #expect(try place.isEqual(), "round \(round)")
      }
      let growths = place.copy.growths.count
      #expect(try place.copy.look() == nil)
      #expect(place.copy.growths.count == growths, "nothing new is nothing handed over")
    }
  }

  @Test func logsThatAreBegunAreFollowedAndFlushesCostNothing() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      for round in 0..<5 {
        try place.database.put("a\(round)")
        try place.database.put("b\(round)", family: 1)
        #expect(try place.copy.look() == nil)
        try place.database.flush(family: round % 2)
        try place.database.put("c\(round)")
        #expect(try place.copy.look() == nil, "round \(round)")
        #expect(try place.isEqual(), "round \(round)")
      }
      #expect(Set(place.copy.growths.map(\.path)).count >= 5)
    }
  }

  @Test func compactionsCostNothing() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      for round in 0..<4 {
        try place.database.put("a\(round)")
        try place.database.flush()
      }
      try FileManager.default.removeItem(atPath: "\(scratch)/base")
      place.copy = try Place.follow(place.volume, scratch)
      try place.database.put("a")
      #expect(try place.copy.look() == nil)
      place.database.compact()
      try place.database.put("b")
      #expect(try place.copy.look() == nil)
      #expect(try place.isEqual())
    }
  }

  /// It is deleted before the look, and read all the same.
  @Test func aLogThatIsDeletedAfterItWasSeenIsReadToItsEnd() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      try place.database.put("seen")
      #expect(try place.copy.look() == nil)
      try place.database.put("unseen")
      for family in 0...1 { try place.database.flush(family: family) }
      try place.database.put("after")
      #expect(try place.copy.look() == nil)
      #expect(try place.isEqual())
    }
  }

  /// It is another log by then, and written over what was read of it: in a part, or to its end and beyond.
  /// (RocksDB 9 uses logs again; 7.8 only with recovery modes in which that crashes.)
  @Test(arguments: [20, 1000]) func aLogThatIsUsedAgainWasReadBefore(_ count: Int) throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      for key in ["a", "b", "c"] { try place.database.put(key) }
      #expect(try place.copy.look() == nil)
      let log = try #require(try FileSystem.names(in: "\(place.volume)/db").first { $0.hasSuffix(".log") })
      try FileManager.default.linkItem(atPath: "\(place.volume)/db/\(log)", toPath: "\(scratch)/again")
      for family in 0...1 { try place.database.flush(family: family) }
      try place.database.put("after")
      try #require(try FileSystem.status("\(place.volume)/db/\(log)") == nil)
      let file = try FileHandle(forUpdating: URL(filePath: "\(scratch)/again"))
      try file.write(contentsOf: [UInt8](repeating: 7, count: count))
      #expect(try place.copy.look() == nil)
      #expect(try place.isEqual())
    }
  }

  /// What it had beyond what was read shows as missing numbers.
  @Test func whatWasNotReadOfALogThatIsUsedAgainIsMissed() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      try place.database.put("seen")
      #expect(try place.copy.look() == nil)
      try place.database.put("unseen")
      let log = try #require(try FileSystem.names(in: "\(place.volume)/db").first { $0.hasSuffix(".log") })
      try FileManager.default.linkItem(atPath: "\(place.volume)/db/\(log)", toPath: "\(scratch)/again")
      for family in 0...1 { try place.database.flush(family: family) }
      try place.database.put("after")
      let file = try FileHandle(forUpdating: URL(filePath: "\(scratch)/again"))
      try file.write(contentsOf: [UInt8](repeating: 7, count: 1000))
      #expect(try place.copy.look()?.contains("numbers are missing") == true)
    }
  }

  @Test func whatAFlushedLogHeldInMemoryComesWithTheFlush() throws {
    try inTemporaryDirectory { scratch in
      let manual = "manual_wal_flush=true;"
      var place = try Place(scratch, manual)
      try place.database.put("held back")
      #expect(try place.copy.look() == nil)
      try place.database.flushLog()
      #expect(try place.copy.look() == nil)
      #expect(try place.isEqual(manual))
    }
  }

  @Test func aLogIsLetGoOfInNoLook() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      var held = try HeldLogs(place.copy.follower.location, volume: place.volume)
      try held.refresh()
      // As while a commit is made: begun and ended before the follower is.
      try place.database.put("one")
      for family in 0...1 { try place.database.flush(family: family) }
      try place.database.put("two")
      try held.refresh()
      for family in 0...1 { try place.database.flush(family: family) }
      try place.database.put("three")
      let start = try #require(
        VolumeSnapshot.take(place.volume, options: SnapshotOptions(scratch: scratch)).databases[0].followBase)
      #expect(start.logs.count == 1)
      place.copy.follower = try DatabaseFollower(start, adopting: held)
      #expect(try place.copy.look() == nil)
    }
  }

  // MARK: Said to be lost

  @Test func logsThatCameAndWentBetweenTwoLooksAreMissed() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      for round in 0..<3 {
        try place.database.put("a\(round)")
        for family in 0...1 { try place.database.flush(family: family) }
      }
      try place.database.put("last")
      #expect(try place.copy.look() != nil)
      // And remains so.
      #expect(try place.copy.look() != nil)
      #expect(place.copy.growths.isEmpty)
    }
  }

  @Test func writesWithoutALogAreMissedOnceAnythingShowsThem() throws {
    try inTemporaryDirectory { scratch in
      var flushed = try Place("\(scratch)/flushed")
      try flushed.database.put("unlogged", logged: false)
      #expect(try flushed.copy.look() == nil, "nothing shows it yet")
      try flushed.database.flush()
      #expect(try flushed.copy.look() != nil)
      var followed = try Place("\(scratch)/followed")
      try followed.database.put("unlogged", logged: false)
      try followed.database.put("logged")
      #expect(try followed.copy.look() != nil)
    }
  }

  @Test func tablesThatComeFromElsewhereAreMissed() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      try place.database.ingest("ingested", by: "\(scratch)/table.sst")
      #expect(try place.copy.look() != nil)
    }
  }

  @Test func tablesThatAreDroppedAreMissed() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch) {
        try $0.flush()
        $0.compact()
        try $0.put("k1")
        try $0.flush()
        $0.compact()
      }
      try place.database.dropTables(from: "a", to: "z")
      #expect(try place.database.keys().isEmpty, "it had an effect")
      #expect(try place.copy.look() != nil)
    }
  }

  @Test func aNewColumnFamilyIsMissed() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      try place.database.addFamily("third")
      #expect(try place.copy.look() != nil)
    }
  }

  @Test func compressedLogsAreNotGuessedAt() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch, "wal_compression=kZSTD;")
      #expect(try place.copy.look() == nil, "nothing was added")
      try place.database.put("a")
      #expect(try place.copy.look() != nil)
    }
  }

  /// All families in one flush.
  @Test func atomicFlushesCostNothing() throws {
    try inTemporaryDirectory { scratch in
      let atomic = "atomic_flush=true;"
      var place = try Place(scratch, atomic)
      for round in 0..<4 {
        try place.database.put("a\(round)")
        try place.database.put("b\(round)", family: 1)
        #expect(try place.copy.look() == nil)
        try place.database.flush(family: round % 2)
        try place.database.put("c\(round)")
        #expect(try place.copy.look() == nil, "round \(round)")
        #expect(try place.isEqual(atomic), "round \(round)")
      }
    }
  }

  @Test func logsThatAreArchivedAreReadToTheirEnd() throws {
    try inTemporaryDirectory { scratch in
      let archived = "WAL_ttl_seconds=3600;"
      var place = try Place(scratch, archived)
      for round in 0..<4 {
        try place.database.put("a\(round)")
        #expect(try place.copy.look() == nil)
        try place.database.put("b\(round)")
        for family in 0...1 { try place.database.flush(family: family) }
        try place.database.put("c\(round)")
        #expect(try place.copy.look() == nil, "round \(round)")
        #expect(try place.isEqual(archived), "round \(round)")
      }
    }
  }

  @Test func transactionsAreFollowedAndPreparedOnesAreNotGuessedAt() throws {
    try inTemporaryDirectory { scratch in
      try FileManager.default.createDirectory(atPath: "\(scratch)/volume", withIntermediateDirectories: true)
      let database = try RawTransactions("\(scratch)/volume/db")
      try database.put("a", prepared: false)
      var copy = try Place.follow("\(scratch)/volume", scratch)
      try database.put("b", prepared: false)
      #expect(try copy.look() == nil)
      try copy.build("\(scratch)/copy")
      let made = try RawDatabase("\(scratch)/copy/db")
      #expect(try made.keys() == ["a", "b"])
      // RocksDB itself opens no log with half of one, unless the application does.
      try database.put("c", prepared: true) {
        let loss = try copy.look()
        #expect(loss != nil)
      }
    }
  }

  @Test func aDatabaseThatIsOpenedAgainIsNotTheSame() throws {
    try inTemporaryDirectory { scratch in
      var copy: FollowedCopy
      do {
        let place = try Place(scratch)
        copy = place.copy
      }
      let again = try RawDatabase("\(scratch)/volume/db")
      try again.put("more")
      #expect(try copy.look()?.contains("MANIFEST") == true)
    }
  }

  @Test func moreThanTheLimitIsASnapshotsWork() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      try place.database.put("a", bytes: 100_000)
      let (look, _) = try place.copy.follower.look(limit: 50_000, Cancellation())
      guard case .lost = look else {
        Issue.record("100,000 bytes were handed over")
        return
      }
    }
  }

  @Test func aLogThatShrankOrChangedIsNotBelieved() throws {
    try inTemporaryDirectory { scratch in
      for (name, change) in [
        ("cut", { (bytes: [UInt8]) in Array(bytes.dropLast(30)) }),
        ("flipped", { bytes in bytes.indices.map { $0 == bytes.count - 60 ? bytes[$0] ^ 1 : bytes[$0] } }),
      ] {
        var place = try Place("\(scratch)/\(name)") { try $0.put("x", bytes: 100) }
        for round in 0..<3 { try place.database.put("a\(round)", bytes: 100) }
        #expect(try place.copy.look() == nil)
        let log = "\(place.volume)/\(try #require(place.copy.growths.last).path)"
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: log)))
        let file = try #require(FileHandle(forUpdatingAtPath: log))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: change(bytes))
        #expect(try place.copy.look() != nil, "\(name)")
      }
    }
  }

  @Test func aDatabaseThatIsGoneIsSaidToBe() throws {
    try inTemporaryDirectory { scratch in
      var place = try Place(scratch)
      try FileManager.default.removeItem(atPath: place.volume)
      var ended = false
      do { ended = try place.copy.look() != nil } catch is GoudError { ended = true }
      #expect(ended)
    }
  }

  /// Its directory is put aside, or its whole volume, as a restore does.
  @Test(arguments: ["volume/db", "volume"])
  func anotherDatabaseInItsPlaceIsNotTakenForIt(_ place: String) throws {
    try inTemporaryDirectory { scratch in
      let name = place == "volume" ? "other/db" : "other"
      try FileManager.default.createDirectory(atPath: "\(scratch)/\(name)", withIntermediateDirectories: true)
      let other = try RawDatabase("\(scratch)/\(name)")
      try other.put("other")
      var own = try Place(scratch)
      #expect(try own.copy.look() == nil)
      try FileManager.default.moveItem(atPath: "\(scratch)/\(place)", toPath: "\(scratch)/old")
      try FileManager.default.moveItem(atPath: "\(scratch)/other", toPath: "\(scratch)/\(place)")
      #expect(try own.copy.look() != nil)
      #expect(own.copy.growths.isEmpty)
    }
  }
}
