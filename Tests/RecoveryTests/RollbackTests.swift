import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

@Suite struct RollbackTests {
  @Test(arguments: [true, false])
  func aRollbackIsUndoneByAnother(exchange: Bool) throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let names = ["node1_data", "node2_data"]
      for name in names { try fixture.make(fixture.path(name), "old") }
      _ = try fixture.restore(fixture.source(names)).run()
      for expected in ["old", "new", "old"] {
        var rollback = fixture.rollback()
        rollback.renames.canExchange = exchange
        let report = try rollback.run()
        #expect(report.volumes.map(\.name) == names)
        for name in names {
          #expect(try fixture.content(name) == expected)
          #expect(try fixture.copies(name).count == 1)
          #expect(try FileSystem.status("\(fixture.path(name))/\(RestoreMarker.fileName)") == nil)
        }
      }
    }
  }

  @Test func onlyWhatTheLastRestoreReplacedComesBack() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      for name in ["node1_data", "node2_data"] { try fixture.make(fixture.path(name), "first") }
      _ = try fixture.restore(fixture.source(["node1_data", "node2_data"], "second")).run()
      _ = try fixture.restore(fixture.source(["node1_data"], "third", foreign: false)).run()
      #expect(try fixture.rollback().run().volumes.map(\.name) == ["node1_data"])
      #expect(try fixture.content("node1_data") == "second")
      #expect(try fixture.content("node2_data") == "second")
      _ = try Rollback(.volume(path: fixture.path("node2_data"))).run()
      #expect(try fixture.content("node2_data") == "first")
    }
  }

  @Test func aLostVolumeComesBackFromItsSafetyCopy() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      _ = try fixture.restore(fixture.source(["node1_data"])).run()
      try FileManager.default.removeItem(atPath: fixture.path("node1_data"))
      _ = try fixture.rollback().run()
      #expect(try fixture.content("node1_data") == "old")
      #expect(try fixture.hidden() == [])
    }
  }

  @Test func nothingToRollBackIsSaid() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      mkdir(fixture.path(".node1_data.replaced-yesterday"), 0o755)
      let before = try await fixture.tree()
      #expect(failure { _ = try fixture.rollback().run() }?.code == .restoreNothingToRollBack)
      #expect(
        failure { _ = try Rollback(.volume(path: fixture.path("node9"))).plan() }?.code == .restoreNothingToRollBack)
      #expect(try await fixture.tree() == before)
    }
  }

  @Test func aSafetyCopyThatDoesNotOpenIsRefused() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      _ = try fixture.restore(fixture.source(["node1_data"])).run()
      let copy = try fixture.copies("node1_data")[0]
      let table = try FileSystem.names(in: "\(copy.path)/rocksdb").first { $0.hasSuffix(".sst") }!
      truncate("\(copy.path)/rocksdb/\(table)", 10)
      #expect(failure { _ = try fixture.rollback().run() }?.code == .restoreUnproven)
      #expect(try fixture.content("node1_data") == "new")
      #expect(try fixture.copies("node1_data") == [copy])
      var insisting = fixture.rollback()
      insisting.allowUnproven = true
      #expect(try insisting.run().volumes.count == 1)
    }
  }

  @Test func aCheckThatFailsAfterTheSwapUndoesTheRollback() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      _ = try fixture.restore(fixture.source(["node1_data"])).run()
      let before = try fixture.copies("node1_data")
      var rollback = fixture.rollback()
      rollback.proof.quick = { if $0.name == "node1_data" { throw GoudError(.databaseCorrupt, "no") } }
      #expect(failure { _ = try rollback.run() }?.code == .restoreUnproven)
      #expect(try fixture.content("node1_data") == "new")
      #expect(try fixture.copies("node1_data") == before)
      #expect(try FileSystem.status("\(before[0].path)/\(RestoreMarker.fileName)") == nil)
    }
  }

  @Test func theLastCopyIsTheNewestEvenWhenTheClockWasSetBack() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let place = try VolumePlace(fixture.path("node1_data"))
      mkdir(place.path(.replaced, "20991231-000000", .beside), 0o755)
      let stamp = try SafetyCopy.newStamp(for: [place], now: Date())
      #expect(stamp == "20991231-000000-2")
      mkdir(place.path(.replaced, stamp, .beside), 0o755)
      #expect(try SafetyCopy.all(of: place).map(\.stamp) == [stamp, "20991231-000000"])
    }
  }
}
