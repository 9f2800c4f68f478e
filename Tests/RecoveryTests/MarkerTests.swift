import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Backup
@testable import Restore

#if canImport(Glibc)
  import Glibc
#endif

/// What a marker says is a volume's word: it moves nothing that a restore of this volume has not written.
@Suite struct MarkerTests {
  private static let id = "0123456789abcdef"
  private static let stamp = "20260101-000000"

  /// As a hostile volume holds it: in its own root, beside a staging directory that it has made itself.
  private func marker(_ volume: String, _ change: (inout RestoreMarker) -> Void = { _ in }) -> RestoreMarker {
    var marker = RestoreMarker(
      id: Self.id, backup: "x", started: Date(timeIntervalSince1970: 1_767_225_600), volume: volume, volumes: [volume],
      state: .proven, safetyCopy: Self.stamp)
    change(&marker)
    return marker
  }

  @Test func aMarkerThatPointsElsewhereMovesNothing() async throws {
    let changes: [(String, @Sendable (inout RestoreMarker, String) -> Void)] = [
      ("id", { marker, root in marker.id = "a/../../../../../../..\(root)/escaped" }),
      ("id of a sibling", { marker, _ in marker.id = "x/../node2_data" }),
      ("upper case", { marker, _ in marker.id = "0123456789ABCDEF" }),
      ("long", { marker, _ in marker.id += "0" }),
      ("stamp", { marker, root in marker.safetyCopy = "20260101-000000/../../..\(root)/escaped" }),
      ("number", { marker, _ in marker.safetyCopy = "20260101-000000-+2" }),
      ("rollback", { marker, root in marker.rollbackOf = "../../../../..\(root)/escaped" }),
      ("elsewhere", { marker, root in marker.volumes.append("\(root)/elsewhere/x") }),
      ("inside", { marker, _ in marker.volumes.append("\(marker.volume)/v") }),
      ("dots", { marker, root in marker.volumes.append("\(marker.volume)/../../elsewhere/x") }),
      ("twice", { marker, _ in marker.volumes.append(marker.volume) }),
      ("not this one", { marker, root in (marker.volume, marker.volumes) = ("\(root)/y", ["\(root)/y"]) }),
    ]
    for (what, change) in changes {
      try await withTemporaryDirectory { root in
        let fixture = try RestoreFixture(root)
        let volume = try fixture.make(fixture.path("node1_data"), "old")
        try fixture.make(fixture.path("node2_data"), "other")
        try fixture.make("\(root)/elsewhere/x", "elsewhere")
        for directory in [
          "\(volume)/v", "\(volume)/.v.restore-\(Self.id)", "\(root)/elsewhere/.x.restore-\(Self.id)",
          "\(volume)/.v.restore-a",
        ] {
          try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        for directory in [volume, "\(volume)/v", "\(root)/elsewhere/.x.restore-\(Self.id)"] {
          try marker(volume) { change(&$0, root) }.write(in: directory)
        }
        let before = try await tree(root)
        // Another volume has an honest one, which is settled all the same.
        let stage = try staged(fixture, "node2_data")
        let settlement = PendingRestore.settle(try PendingRestore.places(in: fixture.volumes))
        #expect(settlement.failures.map(\.code) == [.restoreUnproven], "\(what): \(settlement.failures)")
        #expect(settlement.failures.first?.message.contains(volume) == true, "\(what)")
        #expect(settlement.settled.map(\.id) == [stage], "\(what)")
        #expect(try await tree(root) == before, "\(what)")
        #expect(failure { _ = try fixture.rollback().run() } != nil, "\(what)")
        #expect(failure { _ = try fixture.restore(fixture.source(["node1_data"])).plan() }?.code == .restoreUnproven)
      }
    }
  }

  /// Whoever may write in the volume could have made it.
  @Test func aMarkerOfTheNodesUserIsNotBelieved() async throws {
    for spoil in [
      { (path: String) in chown(path, 65534, 65534) }, { chmod($0, 0o666) },
      { link($0, "\($0).again") },
    ] {
      try await withTemporaryDirectory { root in
        let fixture = try RestoreFixture(root)
        let volume = try fixture.make(fixture.path("node1_data"), "old")
        try marker(volume).write(in: volume)
        try #require(spoil("\(volume)/\(RestoreMarker.fileName)") == 0)
        try fixture.make(fixture.path(".node1_data.restore-\(Self.id)"), "planted")
        let before = try await tree(root)
        let settlement = PendingRestore.settle(try PendingRestore.places(in: fixture.volumes))
        #expect(settlement.failures.map(\.code) == [.restoreUnproven])
        #expect(try await tree(root) == before)
      }
    }
  }

  /// Nothing is opened but what is a file: no pipe is waited for, no link followed.
  @Test func aMarkerThatIsNoFileIsNone() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      let volume = try fixture.make(fixture.path("node1_data"), "old")
      try marker(volume).write(in: root)
      for make in [{ (path: String) in mkfifo(path, 0o600) }, { symlink("\(root)/\(RestoreMarker.fileName)", $0) }] {
        let path = "\(volume)/\(RestoreMarker.fileName)"
        unlink(path)
        try #require(make(path) == 0)
        #expect(try PendingRestore.find(at: VolumePlace(volume)).isEmpty)
      }
    }
  }

  /// As the first releases left it, the volume swapped: the same file, written by whoever owns the directory above.
  @Test func anInterruptedRestoreOfAnOlderReleaseIsSettled() throws {
    try inTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      for name in ["node1_data", "node2_data"] { try fixture.make(fixture.path(name), "new") }
      let volumes = try ["node1_data", "node2_data"].map { try VolumePlace(fixture.path($0)).path }
      for volume in volumes {
        let staging = "\(FileSystem.parent(of: volume))/.\(FileSystem.name(of: volume)).restore-\(Self.id)"
        try fixture.make(staging, "old")
        let text = """
          {"backup": "b", "id": "\(Self.id)", "safetyCopy": "\(Self.stamp)", "started": "2026-01-01T00:00:00Z",
           "state": "proven", "volume": \(json(volume)), "volumes": [\(volumes.map(json).joined(separator: ", "))]}
          """
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(volume)/\(RestoreMarker.fileName)"))
        chown("\(volume)/\(RestoreMarker.fileName)", getuid(), getgid())
        chmod("\(volume)/\(RestoreMarker.fileName)", 0o600)
      }
      let settlement = PendingRestore.settle(try PendingRestore.places(in: fixture.volumes))
      try settlement.check()
      #expect(settlement.settled.map(\.outcome) == [.finished])
      for name in ["node1_data", "node2_data"] {
        #expect(try fixture.content(name) == "new")
        #expect(try fixture.copies(name).map(\.stamp) == [Self.stamp])
      }
    }
  }

  private func json(_ text: String) -> String {
    String(decoding: try! JSONEncoder().encode(text), as: UTF8.self)
  }

  /// Built and proven, nothing swapped: as a kill leaves it.
  private func staged(_ fixture: RestoreFixture, _ name: String) throws -> String {
    let restore = fixture.restore(try fixture.source([name]))
    let stage = try RestoreStage(try restore.plan(), sha256: nil, renames: Renames())
    try stage.begin()
    _ = try restore.source.build(RestoreBuild(stage.directories))
    try stage.finish()
    return stage.swap.exchanges[0].id
  }

  /// Every name below `root` but the backup's, with what it is.
  private func tree(_ root: String) async throws -> String {
    try await Programs.run(
      "sh", ["-c", "cd \"$1\" && find . -path ./backup -prune -o -printf '%p %y %i %s\\n' | sort", "tree", root]
    ).output
  }
}
