import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// What is a database, and what of its directory is stored.
@Suite struct FinderTests {
  @Test(arguments: [
    "polkadot/chains/ksmcc3/db/full", "1/2/3/4/5/6/7/8/9/10/11/12", "archive/idx", "lost", "a/lost+found", "LOG",
    "db/archive", "db/lost/db", "db/000001.sst", "db/MANIFEST-1", "db/OPTIONS-1/db", "x/000001.sst.trash", "cp.tmp",
    "private/1", "\u{e9}/ e",
  ])
  func aDatabaseAtAnyDepthAndUnderAnyNameIsProven(_ path: String) throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["db", path])
      let (snapshot, keys) = try volume.restored()
      #expect(keys == ["db": ["a", "db", "z"], path: ["a", path, "z"].sorted()])
      #expect(Set(snapshot.paths).count == snapshot.paths.count)
      let table = try #require(try volume.names(path, \.isTableOrBlob).first)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(volume.path)/\(path)/\(table)"))
      bytes[20] ^= 1
      try bytes.write(to: URL(fileURLWithPath: "\(volume.path)/\(path)/\(table)"))
      #expect(volume.refusal()?.code == .databaseCorrupt)
    }
  }

  @Test func whatIsNotRocksDBsInItsDirectoryIsStored() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let names = [
        "archive/notes", "archive/000001.log", "lost/x", "notes.dbtmp", "LOG.old.txt", "x.trash", "my.log", "1.sst.bak",
        "000001.log/x", "CURRENT.bak", "99999999999999999999999.sst",
      ].map { "db/\($0)" }
      for name in names { try volume.write(name) }
      #expect(Set(try volume.restored().snapshot.paths).isSuperset(of: names))
    }
  }

  @Test func whatRocksDBIsAboutToDeleteIsNoContent() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let names = [
        "000777.sst.trash", "000777.sst0.trash", "000001.log.trash", "000778.blob.trash", "000012.dbtmp",
        "OPTIONS-000012.dbtmp", "LOG.old.1700000000000000", "000900.sst",
      ].map { "db/\($0)" }
      for name in names { try volume.write(name) }
      let (snapshot, keys) = try volume.restored()
      #expect(Set(snapshot.paths).isDisjoint(with: names) && snapshot.skipped.isEmpty)
      #expect(keys["db"] == ["a", "db", "z"])
    }
  }

  @Test func aFileThatIsCalledCurrentMakesNoDatabase() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try volume.write("music/CURRENT")
      #expect(try volume.restored().snapshot.paths.contains("music/CURRENT"))
    }
  }

  @Test(.timeLimit(.minutes(5))) func aDatabaseWithoutItsManifestIsDamaged() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["db", "other"])
      let manifest = try #require(try volume.names("other", \.isManifest).first)
      #expect(unlink("\(volume.path)/other/\(manifest)") == 0)
      let error = volume.refusal()
      #expect(error?.code == .databaseCorrupt && error?.message.contains(manifest) == true)
    }
  }

  @Test func aDatabaseThatNoArchiveCanCarryBackIsRefusedByName() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["db", "lost+found/x"])
      #expect(volume.refusal()?.message.contains("lost+found/x") == true)
      let bytes: [CChar] = Array("\(volume.path)/caf".utf8CString.dropLast()) + [CChar(bitPattern: 0xe9), 0]
      #expect(rename("\(volume.path)/lost+found", bytes) == 0)
      let error = volume.refusal()
      #expect(error?.code == .snapshotUnsupported && error?.message.contains("caf\\xe9/x") == true)
    }
  }

  /// As `rm -r` does it: the MANIFEST may go long before the rest.
  @Test(.timeLimit(.minutes(5))) func aDatabaseThatIsBeingRemovedIsNotDamaged() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["db", "old"])
      let place = "\(volume.path)/old"
      let names = try FileSystem.names(in: place)
      let removal = Thread {
        for name in names.sorted(by: >) {
          unlink("\(place)/\(name)")
          usleep(5000)
        }
        rmdir(place)
      }
      unlink("\(place)/\(names.first { $0.hasPrefix("MANIFEST-") }!)")
      removal.start()
      #expect(try volume.take().databases.map(\.location.path) == ["db"])
    }
  }

  @Test func aDatabaseThatAppearsMeanwhileIsNotStoredAsFiles() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let contents = try VolumeContents(of: volume.path)
      let databases = try volume.take().databases
      func isWhole() throws -> Bool {
        let options = SnapshotOptions(scratch: FileSystem.parent(of: volume.path))
        return contents.areWhole(
          try VolumeReader(root: volume.path, databases: databases, options: options).read(), databases)
      }
      #expect(try isWhole())
      try volume.add("late")
      #expect(try !isWhole())
      #expect(try volume.take().databases.map(\.location.path) == ["db", "late"])
    }
  }
}

/// What stands in the place of a database's files and is none.
@Suite struct UnsafeEntryTests {
  enum Stand: CaseIterable { case link, pipe, danglingLink }

  private func put(_ stand: Stand, at path: String, of volume: SmallVolume) throws {
    unlink(path)
    let made =
      switch stand {
      case .link: symlink("\(volume.scratch)/secret", path)
      case .danglingLink: symlink("/nowhere", path)
      case .pipe: mkfifo(path, 0o600)
      }
    #expect(made == 0)
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["IDENTITY", "OPTIONS-999999", "CURRENT", "MANIFEST", "000999.sst", "000999.blob", "000999.log"],
    Stand.allCases)
  func aLinkOrAPipeInThePlaceOfAFileIsRefusedByName(_ name: String, _ stand: Stand) throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try Data("host-secret".utf8).write(to: URL(fileURLWithPath: "\(scratch)/secret"))
      let name = name == "MANIFEST" ? try #require(try volume.names("db", \.isManifest).last) : name
      try put(stand, at: "\(volume.path)/db/\(name)", of: volume)
      let error = volume.refusal()
      #expect(error?.code == .volumeUnsafe && error?.message.contains("db/\(name)") == true)
      #expect("\(String(describing: error))".contains("host-secret") == false)
    }
  }

  @Test(.timeLimit(.minutes(5)), arguments: ["LOG", "LOCK", "LOG.old.1", "000001.sst.trash"], Stand.allCases)
  func aLinkOrAPipeThatIsNoContentIsLeftOutByName(_ name: String, _ stand: Stand) throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      try put(stand, at: "\(volume.path)/db/\(name)", of: volume)
      let snapshot = try volume.take()
      #expect(snapshot.skipped.contains { $0.hasPrefix("db/\(name) (") })
      #expect(!snapshot.paths.contains("db/\(name)"))
    }
  }
}
