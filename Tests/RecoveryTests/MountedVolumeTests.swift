import Archive
import CGoudLinux
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing
import VolumeSnapshot
import Volumes

@testable import Backup
@testable import Restore

#if canImport(Glibc)
  import Glibc
#endif

/// A volume that is a mount point: what is exchanged is its content.
@Suite(.serialized) struct MountedVolumeTests {
  /// A fixture whose `node1_data` is a bind mount that holds `old`.
  private func mounted(_ database: String = "rocksdb", _ body: (RestoreFixture, String) async throws -> Void)
    async throws
  {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try await Mounts.bind("\(root)/disk", at: fixture.path("node1_data")) { mount in
        try fixture.make(mount, "old", database: database)
        try Data("old".utf8).write(to: URL(fileURLWithPath: "\(mount)/secret"))
        mkdir("\(mount)/lost+found", 0o700)
        chmod(mount, 0o2775)
        chown(mount, 1234, 4321)
        try await body(fixture, mount)
      }
    }
  }

  @Test func theContentIsExchangedAndTheOldDataKept() async throws {
    try await mounted { fixture, mount in
      let identity = try #require(try FileSystem.status(mount)).identity
      let report = try fixture.restore(fixture.source(["node1_data"])).run()
      #expect(try fixture.content("node1_data") == "new")
      #expect(try FileSystem.status(mount)?.identity == identity)
      let copy = try #require(try fixture.copies("node1_data").first)
      #expect(report.volumes[0].safetyCopy == copy.path)
      #expect(copy.path.hasPrefix("\(mount)/.goud-replaced-"))
      #expect(try String(contentsOfFile: "\(copy.path)/secret", encoding: .utf8) == "old")
      let kept = try #require(try FileSystem.status(copy.path))
      #expect(kept.st_uid == 1234 && kept.st_gid == 4321 && kept.st_mode & 0o7777 == 0o2775)
      #expect(Set(try FileSystem.names(in: mount)) == ["rocksdb", "lost+found", FileSystem.name(of: copy.path)])
      // What restores keep there is no part of the volume.
      let volume = Volume(name: "node1_data", path: mount)
      #expect(try volume.databases().map(\.path) == ["rocksdb"])
      #expect(try Leftover.find(beside: volume).map(\.path) == [copy.path])
      #expect(try SafetyCopy.places(in: fixture.volumes).map(\.path) == [copy.place.path])
      #expect(try PendingRestore.places(in: fixture.volumes).isEmpty)
    }
  }

  @Test func aRollbackPutsTheOldContentBackAndAnotherTheNew() async throws {
    try await mounted { fixture, mount in
      let before = try #require(try FileSystem.status(mount))
      _ = try fixture.restore(fixture.source(["node1_data"])).run()
      for expected in ["old", "new", "old"] {
        _ = try fixture.rollback().run()
        #expect(try fixture.content("node1_data") == expected)
        #expect(try fixture.copies("node1_data").count == 1)
      }
      #expect(try String(contentsOfFile: "\(mount)/secret", encoding: .utf8) == "old")
      let after = try #require(try FileSystem.status(mount))
      #expect(after.st_uid == before.st_uid && after.st_gid == before.st_gid && after.st_mode == before.st_mode)
      #expect(after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
    }
  }

  /// Not those of what was there before; a rollback brings those back, and what belongs to the machine stays.
  @Test func theRootGetsTheAttributesOfItsContent() async throws {
    try await mounted { fixture, mount in
      @Sendable func set(_ path: String, _ name: String, _ value: String) {
        #expect(setxattr(path, name, Array(value.utf8), value.utf8.count, 0) == 0)
      }
      func attributes() throws -> [String: String] {
        try Descriptor.open(mount, O_RDONLY | O_DIRECTORY).extendedAttributes().mapValues {
          String(decoding: $0, as: UTF8.self)
        }
      }
      set(mount, "user.old", "1")
      set(mount, "user.both", "old")
      set(mount, "trusted.machine", "1")
      let before = try attributes()
      var source = try fixture.source(["node1_data"])
      let build = source.build
      source.build = { building in
        set(building.directories["node1_data"]!, "user.new", "2")
        set(building.directories["node1_data"]!, "user.both", "new")
        return try build(building)
      }
      _ = try fixture.restore(source).run()
      #expect(try attributes() == ["user.new": "2", "user.both": "new", "trusted.machine": "1"])
      _ = try fixture.rollback().run()
      #expect(try attributes() == before)
    }
  }

  /// A database that is the root itself: no moment at which a node finds no `CURRENT`, or one beside foreign tables.
  @Test func aDatabaseThatIsTheRootIsExchanged() async throws {
    try await mounted(".") { fixture, mount in
      var source = try fixture.source(["node1_data"])
      let stored = fixture.backup
      source.build = { building in
        for file in try FileSystem.names(in: "\(stored)/node1_data/rocksdb") where file != "LOCK" {
          try FileManager.default.copyItem(
            atPath: "\(stored)/node1_data/rocksdb/\(file)", toPath: "\(building.directories["node1_data"]!)/\(file)")
        }
        return []
      }
      func content() throws -> String? {
        try Database(directory: mount, readOnly: true).value(for: [2]).map { String(decoding: $0, as: UTF8.self) }
      }
      _ = try fixture.restore(source) { $0.replaceForeign = true }.run()
      #expect(try content() == "new")
      _ = try fixture.rollback().run()
      #expect(try content() == "old")
    }
  }

  @Test func aFailureLeavesTheOldContent() async throws {
    try await mounted { fixture, mount in
      func tree() async throws -> String {
        try await Programs.run(
          "sh", ["-c", "cd \"$1\" && find . -printf '%p %y %m %U %G %s %T@\\n' | sort", "tree", mount]
        )
        .output
      }
      let before = try await tree()
      var restore = fixture.restore(try fixture.source(["node1_data"]))
      restore.proof.quick = { _ in throw GoudError(.databaseCorrupt, "no") }
      #expect(failure { _ = try restore.run() }?.code == .restoreUnproven)
      #expect(try await tree() == before)
      // Something new in the root takes the name of what comes: everything goes back.
      restore.proof.full = { path, _, _, _, _ in
        mkdir("\(path)/extra", 0o755)
        mkdir("\(mount)/late", 0o755)
        return [:]
      }
      #expect(failure { _ = try restore.run() }?.code == .restoreUnproven)
      rmdir("\(mount)/late")
      #expect(try fixture.content("node1_data") == "old")
    }
  }

  @Test func whatIsMountedInAVolumeIsNamed() async throws {
    try await mounted { fixture, mount in
      try await Mounts.bind("\(fixture.root)/other", at: "\(mount)/deeper") { deeper in
        let error = failure { _ = try fixture.restore(fixture.source(["node1_data"])).run() }
        #expect(error?.code == .restoreCrossesFileSystems && error?.message.contains(deeper) == true)
      }
    }
  }

  /// Whoever may write in the volume cannot make a restore's directory that is believed.
  @Test func aWorkDirectoryOfTheNodesUserIsNotBelieved() async throws {
    for spoil in [{ (path: String) in chown(path, 65534, 65534) }, { chmod($0, 0o777) }] {
      try await mounted { fixture, mount in
        let restore = fixture.restore(try fixture.source(["node1_data"]))
        let stage = try RestoreStage(try restore.plan(), sha256: nil, renames: Renames())
        try stage.begin()
        let work = FileSystem.parent(of: stage.swap.exchanges[0].staging)
        try #require(spoil(work) == 0)
        let before = try await fixture.tree()
        let settlement = PendingRestore.settle(try PendingRestore.places(in: fixture.volumes))
        #expect(settlement.failures.map(\.code) == [.restoreUnproven])
        #expect(try await fixture.tree() == before)
      }
    }
  }

  /// A real disk, empty but for the file system's own.
  @Test func anEmptyDiskIsFilled() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try await Mounts.ext4(megabytes: 32, at: "\(root)/disk") { disk in
        let restore = fixture.restore(try fixture.source(["node1_data"])) { $0.target = .path(disk) }
        #expect(try restore.run().volumes[0].safetyCopy == nil)
        #expect(Set(try FileSystem.names(in: disk)) == ["rocksdb", "lost+found"])
      }
    }
  }

  @Test func bothVersionsMustFitOnTheDisk() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try RestoreFixture(root)
      try await Mounts.ext4(megabytes: 16, at: "\(root)/disk") { disk in
        var source = try fixture.source(["node1_data"])
        source.volumes[0].bytes = 64 << 20
        #expect(failure { _ = try fixture.restore(source) { $0.target = .path(disk) }.plan() }?.code == .ioNoRoom)
      }
    }
  }
}
