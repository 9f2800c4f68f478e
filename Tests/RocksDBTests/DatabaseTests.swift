import RocksDB
import TestSupport
import Testing

@Suite struct DatabaseTests {
  @Test func whatIsWrittenIsReadAfterReopening() throws {
    try inTemporaryDirectory { scratch in
      for round in 0..<2 {
        let database = try Database(directory: "\(scratch)/db", families: ["default", "other"])
        if round == 0 {
          try database.put([1, 2, 3], for: [1], sync: true)
          try database.put([4], for: [1], family: "other")
          try database.put([], for: [2])
        }
        #expect(try database.value(for: [1]) == [1, 2, 3])
        #expect(try database.value(for: [1], family: "other") == [4])
        #expect(try database.value(for: [2]) == [])
        #expect(try database.value(for: [3]) == nil)
      }
    }
  }

  @Test func aBatchDeletesAndPutsTogether() throws {
    try inTemporaryDirectory { scratch in
      let database = try Database(directory: "\(scratch)/db")
      try database.put([1], for: [1])
      let batch = WriteBatch()
      database.delete([1], into: batch)
      database.put([2], for: [2], into: batch)
      try database.write(batch)
      var keys: [[UInt8]] = []
      try database.scan { key, _ in
        keys.append(Array(key))
        return true
      }
      #expect(keys == [[2]])
    }
  }

  @Test func aReadOnlyDatabaseRefusesWrites() throws {
    try inTemporaryDirectory { scratch in
      do { _ = try Database(directory: "\(scratch)/db") }
      let database = try Database(directory: "\(scratch)/db", readOnly: true)
      #expect(throws: RocksDBError.self) { try database.put([1], for: [1]) }
    }
  }

  @Test func aMissingDatabaseIsAnError() throws {
    try inTemporaryDirectory { scratch in
      #expect(throws: RocksDBError.self) { try Database(directory: "\(scratch)/none", readOnly: true) }
      #expect(throws: RocksDBError.self) { try DatabaseView(directory: "\(scratch)/none") }
    }
  }

  @Test func aDatabaseOpenElsewhereCannotBeOpenedTwice() throws {
    try inTemporaryDirectory { scratch in
      let database = try Database(directory: "\(scratch)/db")
      #expect(throws: RocksDBError.self) { try Database(directory: "\(scratch)/db") }
      try database.put([1], for: [1])
    }
  }

  @Test func theViewCountsLogsAndTablesWithoutReplayingThem() throws {
    try inTemporaryDirectory { scratch in
      do {
        let database = try Database(directory: "\(scratch)/db", families: ["default", "other"])
        for number in UInt8(0)..<10 { try database.put([number], for: [number]) }
        try database.flush()
        for number in UInt8(10)..<13 { try database.put([number], for: [number], family: "other") }
      }
      let view = try DatabaseView(directory: "\(scratch)/db")
      #expect(view.sequence == 13)
      #expect(view.logRecords >= 3)
      #expect(Set(view.families.map(\.name)) == ["default", "other"])
      #expect(view.families.first { $0.name == "default" }?.levels.map(\.files).reduce(0, +) == 1)
      #expect(view.liveFiles.contains { $0.hasSuffix(".sst") } && view.liveFiles.contains("CURRENT"))
      #expect(!view.identity.isEmpty)
    }
  }

  @Test func theLinkedLibraryNamesItsVersionAndNewestFormat() {
    #expect(RocksDBLibrary.version.split(separator: ".").count == 3)
    #expect(RocksDBLibrary.newestTableFormat >= 5)
  }
}
