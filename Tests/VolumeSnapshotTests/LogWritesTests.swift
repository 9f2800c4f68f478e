import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

/// What a real database was told to keep is read out of what a follower hands over, all of it and in its order.
@Suite struct LogWritesTests {
  private struct Put: Equatable {
    let family: UInt32
    let key: String
    let bytes: Int
  }

  private func read(_ growths: [DatabaseFollower.Growth]) -> [Put]? {
    var puts: [Put] = []
    for growth in growths {
      let isRead = LogWrites.each(of: growth) {
        puts.append(Put(family: $0.family, key: String(decoding: $0.key, as: UTF8.self), bytes: $0.value.count))
      }
      guard isRead else { return nil }
    }
    return puts
  }

  private func added(_ follower: inout DatabaseFollower) throws -> [DatabaseFollower.Growth] {
    switch try follower.look(Cancellation()).look {
    case .grown(let found, _): return found
    case .lost(let why): throw TestFailure("lost, because \(why)")
    }
  }

  /// Records that end anywhere in a block, lie in several, and go on in another log.
  @Test(arguments: ["", "recycle_log_file_num=2"])
  func everyPutIsReadInItsOrder(_ options: String) throws {
    try inTemporaryDirectory { scratch in
      try FileManager.default.createDirectory(atPath: "\(scratch)/volume/db", withIntermediateDirectories: true)
      let database = try RawDatabase("\(scratch)/volume/db", options)
      try database.put("before")
      let snapshot = try VolumeSnapshot.take("\(scratch)/volume", options: SnapshotOptions(scratch: scratch))
      var follower = try DatabaseFollower(try #require(snapshot.databases[0].followBase))
      var expected: [Put] = []
      var growths: [DatabaseFollower.Growth] = []
      for round in 0..<60 {
        let bytes = [5, 700, 32_700, 32_768, 90_001][round % 5]
        let put = Put(family: UInt32(round % 2), key: "key \(round)", bytes: bytes)
        try database.put(put.key, family: round % 2, bytes: put.bytes)
        expected.append(put)
        guard round % 3 == 0 else { continue }
        growths += try added(&follower)
        if round % 4 == 0 { try database.flush(family: round % 2) }
      }
      growths += try added(&follower)
      #expect(read(growths) == expected)
      #expect(Set(growths.map(\.path)).count > 3)
    }
  }

  @Test func whatCannotBeReadIsSaid() throws {
    try inTemporaryDirectory { scratch in
      try FileManager.default.createDirectory(atPath: "\(scratch)/volume/db", withIntermediateDirectories: true)
      let database = try RawDatabase("\(scratch)/volume/db")
      let snapshot = try VolumeSnapshot.take("\(scratch)/volume", options: SnapshotOptions(scratch: scratch))
      var follower = try DatabaseFollower(try #require(snapshot.databases[0].followBase))
      try database.put("key")
      let growth = try #require(try added(&follower).first)
      #expect(read([growth]) == [Put(family: 0, key: "key", bytes: 5)])
      for index in growth.bytes.indices {
        var bytes = growth.bytes
        bytes[index] ^= 1
        #expect(read([.init(path: growth.path, offset: growth.offset, bytes: bytes)]) == nil, "byte \(index)")
      }
      #expect(read([.init(path: "db/LOG", offset: growth.offset, bytes: growth.bytes)]) == nil)
    }
  }
}
