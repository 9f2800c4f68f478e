import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

@Suite struct RestoreTests {
  @Test(arguments: [true, false])
  func theOldDataBecomesASafetyCopy(exchange: Bool) throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      for name in ["node1_data", "node2_data"] { try fixture.make(fixture.path(name), "old") }
      var restore = fixture.restore(try fixture.source(["node1_data", "node2_data"]))
      restore.renames.canExchange = exchange
      let report = try restore.run()
      for name in ["node1_data", "node2_data"] {
        #expect(try fixture.content(name) == "new")
        let copy = try #require(try fixture.copies(name).first)
        #expect(report.volumes.first { $0.name == name }?.safetyCopy == copy.path)
        #expect(try FileSystem.status("\(fixture.path(name))/\(RestoreMarker.fileName)") == nil)
        #expect(try fixture.content(FileSystem.name(of: copy.path)) == "old")
      }
      #expect(Set(try fixture.copies("node1_data").map(\.stamp)) == Set(try fixture.copies("node2_data").map(\.stamp)))
      #expect(try fixture.hidden().count == 2)
    }
  }

  @Test func aVolumeThatIsNotThereIsMade() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let source = try fixture.source(["node1_data"])
      let place = "\(root)/not/yet/there"
      let report = try fixture.restore(source) { $0.target = .directory(place) }.run()
      #expect(report.volumes[0].safetyCopy == nil)
      #expect(try FileSystem.names(in: place) == ["node1_data"])
    }
  }

  @Test func anEmptyDirectoryIsReplacedAndNotKept() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      mkdir(fixture.path("node1_data"), 0o755)
      #expect(try fixture.restore(fixture.source(["node1_data"])).run().volumes[0].safetyCopy == nil)
      #expect(try fixture.content("node1_data") == "new")
      #expect(try fixture.hidden() == [])
    }
  }

  @Test func oneVolumeOfSeveralIsChosen() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      for name in ["node1_data", "node2_data"] { try fixture.make(fixture.path(name), "old") }
      let source = try fixture.source(["node1_data", "node2_data"])
      _ = try fixture.restore(source) { $0.volume = "node2_data" }.run()
      #expect(try fixture.content("node1_data") == "old")
      #expect(try fixture.content("node2_data") == "new")
    }
  }

  @Test func aLinkedVolumeIsReplacedWhereItLies() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      mkdir("\(root)/disk", 0o755)
      try fixture.make("\(root)/disk/data", "old")
      symlink("\(root)/disk/data", fixture.path("node1_data"))
      let source = try fixture.source(["node1_data"])
      _ = try fixture.restore(source).run()
      #expect(try fixture.content("node1_data") == "new")
      #expect(try FileSystem.status(fixture.path("node1_data"))?.isLink == true)
      #expect(try FileSystem.names(in: "\(root)/disk").count == 2)
    }
  }

  @Test func theRootKeepsTheBackupsTime() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      var source = try fixture.source(["node1_data"])
      let build = source.build
      source.build = {
        let warnings = try build($0)
        let root = try Descriptor.open($0.directories["node1_data"]!, O_RDONLY)
        try root.setModified(timespec(tv_sec: 1_000_000_000, tv_nsec: 7))
        return warnings
      }
      _ = try fixture.restore(source).run()
      let time = try #require(try FileSystem.status(fixture.path("node1_data"))).st_mtim
      #expect(time.tv_sec == 1_000_000_000 && time.tv_nsec == 7)
    }
  }

  /// A checkpoint that was never finished has no lock, and nobody could open it; a database gets the one that keeps nodes out
  /// until it is in place.
  @Test func whatIsNoDatabaseGetsNoLock() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let source = try fixture.source(["node1_data"])
      let half = "\(fixture.backup)/node1_data/half"
      try FileManager.default.createDirectory(atPath: half, withIntermediateDirectories: true)
      try Data("x".utf8).write(to: URL(fileURLWithPath: "\(half)/MANIFEST-000001"))
      _ = try? FileManager.default.removeItem(atPath: "\(fixture.backup)/node1_data/rocksdb/LOCK")
      _ = try fixture.restore(source).run()
      #expect(try FileSystem.names(in: "\(fixture.path("node1_data"))/half") == ["MANIFEST-000001"])
      #expect(try FileSystem.status("\(fixture.path("node1_data"))/rocksdb/LOCK") != nil)
    }
  }

  /// The build throws, or what it built is not whole, or does not open in its place: nothing has happened.
  @Test func anyFailureLeavesTheOldVolumes() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      for name in ["node1_data", "node2_data"] { try fixture.make(fixture.path(name), "old") }
      let source = try fixture.source(["node1_data", "node2_data"])
      var cut = source
      cut.build = {
        let warnings = try source.build($0)
        let database = "\($0.directories["node2_data"]!)/rocksdb"
        let table = try FileSystem.names(in: database).first { $0.hasSuffix(".sst") }!
        truncate("\(database)/\(table)", 100)
        return warnings
      }
      var smuggled = source
      smuggled.build = {
        let warnings = try source.build($0)
        try Data("{}".utf8).write(
          to: URL(fileURLWithPath: "\($0.directories["node1_data"]!)/\(RestoreMarker.fileName)"))
        return warnings
      }
      let stopped = fixture.restore(source)
      stopped.cancellation.cancel(signal: SIGINT)
      var unopened = fixture.restore(source)
      unopened.proof.quick = { if $0.name == "node2_data" { throw GoudError(.databaseCorrupt, "no") } }
      for (restore, code) in [
        (fixture.restore(cut), ErrorCode.databaseCorrupt), (fixture.restore(smuggled), .restoreUnproven),
        (stopped, .interrupted), (unopened, .restoreUnproven),
      ] {
        #expect(failure { _ = try restore.run() }?.code == code)
        for name in ["node1_data", "node2_data"] { #expect(try fixture.content(name) == "old") }
        #expect(try fixture.hidden() == [])
      }
    }
  }

  /// A real disk that is too small, and a backup that does not say how large it is.
  @Test func aDiskThatFillsUpLeavesNothing() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      var source = try fixture.source(["node1_data"], described: false)
      source.build = {
        let file = try Descriptor.open("\($0.directories["node1_data"]!)/further", O_WRONLY | O_CREAT)
        for _ in 0..<64 { try file.write([UInt8](repeating: 1, count: 1 << 20)) }
        return []
      }
      try await Mounts.ext4(megabytes: 16, at: "\(root)/small") { small in
        let restore = fixture.restore(source) { $0.target = .directory(small) }
        #expect(failure { _ = try restore.run() }?.code == .ioNoRoom)
        let left = try FileSystem.names(in: small)
        #expect(left == ["lost+found"])
      }
    }
  }

  @Test func nodesAreKeptOutWhileTheyWouldBeInTheWay() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      let database = "\(fixture.path("node1_data"))/rocksdb"
      try FileManager.default.removeItem(atPath: "\(database)/LOCK")
      let write = [database, "--oracle", "\(root)/oracle", "--operations", "1"]
      let before = try #require(try FileSystem.status(database)).st_mtim
      do {
        let hold = try DatabaseHold(fixture.path("node1_data"))
        let after = try #require(try FileSystem.status(database)).st_mtim
        #expect(before.tv_sec == after.tv_sec && before.tv_nsec == after.tv_nsec)
        #expect(try await Programs.run(Programs.built("goud-writer"), write).status != 0)
        withExtendedLifetime(hold) {}
      }
      #expect(try await Programs.run(Programs.built("goud-writer"), write).status == 0)
    }
  }

  /// Also when it was opened after the plan was made.
  @Test func aDatabaseThatSomebodyHasOpenIsNotHeld() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let database = "\(fixture.path("node1_data"))/rocksdb"
      try FileManager.default.createDirectory(atPath: database, withIntermediateDirectories: true)
      let write = [database, "--oracle", "\(root)/oracle", "--operations", "1", "--hold"]
      try await withWriter(write) { writer in
        try await waitUntil("the lock") { LockHolder.find(kind: "POSIX", path: "\(database)/LOCK") != nil }
        let error = failure { _ = try DatabaseHold(fixture.path("node1_data")) }
        #expect(error?.code == .volumeBusy && error?.context["pid"] == "\(writer.pid)")
      }
    }
  }

  @Test func anUnfinishedRestoreIsSettledFirst() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let names = ["node1_data", "node2_data"]
      for name in names { try fixture.make(fixture.path(name), "old") }
      let stage = try staged(fixture, names)
      // Nobody is swapped: back.
      let place = try VolumePlace(fixture.path("node1_data"))
      #expect(try PendingRestore.find(at: place).map(\.outcome) == [.rolledBack])
      // One is swapped: forward.
      try Renames().exchange(
        stage.swap.exchanges[1].staging, with: fixture.path("node2_data"), aside: "\(root)/x")
      #expect(try PendingRestore.find(at: place).map(\.outcome) == [.finished])
      let settled = try PendingRestore.settle(at: place, locks: VolumeLocks()) { _ in }
      #expect(settled.count == 1)
      for name in names {
        #expect(try fixture.content(name) == "new")
        #expect(try fixture.copies(name).count == 1)
      }
      #expect(try PendingRestore.find(at: place).isEmpty)
    }
  }

  @Test func anUnfinishedRestoreThatDoesNotOpenGoesBackWhole() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let names = ["node1_data", "node2_data"]
      for name in names { try fixture.make(fixture.path(name), "old") }
      let stage = try staged(fixture, names)
      let swap = stage.swap
      let place = swap.exchanges[0].place
      try Renames().exchange(swap.exchanges[0].staging, with: place.path, aside: "\(root)/x")
      let error = failure {
        _ = try PendingRestore.settle(at: place, locks: VolumeLocks()) { _ in
          throw GoudError(.databaseCorrupt, "no")
        }
      }
      #expect(error?.code == .restoreUnproven)
      for name in names { #expect(try fixture.content(name) == "old") }
      #expect(try fixture.hidden() == [])
    }
  }

  @Test func aStagingDirectoryThatNobodyMarkedIsLeftAlone() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      mkdir(fixture.path(".node1_data.restore-aa"), 0o755)
      try fixture.make(fixture.path(".node1_data.restore-bb"), "whose")
      _ = try fixture.restore(fixture.source(["node1_data"])).run()
      #expect(try fixture.hidden().filter { $0.contains("restore-") } == [".node1_data.restore-bb"])
    }
  }

  @Test func aMarkerThatCannotBeReadStopsEverything() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try fixture.make(fixture.path("node1_data"), "old")
      try Data("{".utf8).write(to: URL(fileURLWithPath: "\(fixture.path("node1_data"))/\(RestoreMarker.fileName)"))
      let source = try fixture.source(["node1_data"])
      let before = try await fixture.tree()
      #expect(failure { _ = try fixture.restore(source).run() }?.code == .restoreUnproven)
      #expect(try await fixture.tree() == before)
    }
  }

  /// Built and proven, nothing swapped: as a kill leaves it.
  private func staged(_ fixture: RestoreFixture, _ names: [String]) throws -> RestoreStage {
    let restore = fixture.restore(try fixture.source(names))
    let stage = try RestoreStage(try restore.plan(), sha256: nil, renames: Renames())
    try stage.begin()
    _ = try restore.source.build(RestoreBuild(stage.directories))
    try stage.finish()
    return stage
  }
}
