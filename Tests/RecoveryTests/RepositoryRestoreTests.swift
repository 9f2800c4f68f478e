import Archive
import BlobStore
import Foundation
import GoudCore
import Layout
import Repository
import RocksDB
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Tail

#if canImport(Glibc)
  import Glibc
#endif

/// What a restore asks a repository for: as few requests as the packs allow, nothing twice, and nothing that is at hand.
@Suite struct RepositoryRestoreTests {
  private func with(_ body: (StoredVolume) throws -> Void) throws {
    try inTemporaryDirectory { root in try body(StoredVolume(root)) }
  }

  // MARK: Requests

  @Test func filesThatLieBesideEachOtherAreReadTogether() throws {
    try with { volume in
      try volume.write(0..<3)
      for number in 0..<400 { try volume.file("small/\(number)", Array("file \(number)".utf8)) }
      let commit = try volume.commit()
      let stored = try volume.store.list(in: "data", deep: true).reduce(0) { $0 + Int($1.bytes) }
      _ = volume.store.taken("data")
      let made = try volume.extract(commit, to: "made")
      let reads = volume.store.taken("data")
      #expect(reads.count < 20, "\(reads)")
      #expect(reads.reduce(0) { $0 + $1.bytes } <= 2 * stored)
      #expect(try volume.content(made) == volume.content(volume.path))
    }
  }

  /// Each backup adds its own packs, and the files of all of them lie between each other.
  @Test func whatManyBackupsStoredComesTogetherInItsOrder() throws {
    try with { volume in
      try volume.write(0..<2)
      for round in 0..<4 {
        for number in 0..<30 { try volume.file("small/\(number)-\(round)", Array("\(number) in \(round)".utf8)) }
        if round < 3 { try volume.commit() }
      }
      let commit = try volume.commit()
      _ = volume.store.taken("data")
      let made = try volume.extract(commit, to: "made")
      #expect(volume.store.taken("data").count < 30)
      #expect(try volume.content(made) == volume.content(volume.path))
    }
  }

  // MARK: Tails

  private func part(_ path: String, _ offset: Int64, _ text: String) -> TailPiece.Part {
    .init(path: path, offset: offset, bytes: Array(text.utf8))
  }

  /// Logs of two databases that grow by turns, one that begins in the tail, and one that gets nothing.
  private func grown(_ volume: StoredVolume) throws -> (Commit, expected: [String: Data]) {
    for database in ["one", "two", "three"] { try volume.write(0..<1, database: database) }
    let commit = try volume.commit()
    var expected = try volume.content(volume.path)
    func log(_ database: String) throws -> (String, Int64) {
      let name = try #require(expected.keys.first { $0.hasPrefix("\(database)/") && $0.hasSuffix(".log") })
      return (name, Int64(expected[name]!.count))
    }
    let (one, first) = try log("one")
    let (two, second) = try log("two")
    let rounds = [
      [part(one, first, "abc"), part(two, second, "1")], [part("two/000099.log", 0, "xy")],
      [part(one, first + 3, "de"), part("two/000099.log", 2, "z"), part(two, second + 1, "")],
    ]
    var writer = TailWriter(
      volume.repository, TailChain(environment: "local", volume: StoredVolume.name, commit: commit.id))
    for parts in rounds {
      _ = try writer.put(parts, newest: [:], moment: Date())
      for part in parts { expected[part.path, default: Data()] += part.bytes }
    }
    return (commit, expected)
  }

  @Test func logsThatGrowByTurnsAreMadePieceByPiece() throws {
    try with { volume in
      let (commit, expected) = try grown(volume)
      let made = try volume.extract(commit, to: "made") { $0.tail = try? CommitTail(commit, in: volume.repository) }
      #expect(try volume.content(made) == expected)
    }
  }

  @Test func aTailIsReadOnceHoweverOftenItIsAskedFor() throws {
    try with { volume in
      let (newest, expected) = try grown(volume)
      _ = volume.store.taken("tail")
      let history = CommitHistory(volume.repository)
      let commit = try history.furthest(of: "local")
      let tail = try history.tail(of: commit)
      #expect(commit.id == newest.id && tail.bytes(of: StoredVolume.name) == 9)
      let made = try volume.extract(commit, to: "made") { $0.tail = tail }
      #expect(try volume.content(made) == expected)
      #expect(volume.store.taken("tail").count == 3)
    }
  }

  /// What is beyond the bound is read again, when it is its turn.
  @Test func ofALongTailNoMoreIsHeldThanTheBound() throws {
    try with { volume in
      let (commit, expected) = try grown(volume)
      _ = volume.store.taken("tail")
      let memory = TailMemory(volume.repository, limit: 5)
      let tail = try CommitTail(commit, memory)
      #expect(volume.store.taken("tail").count == 3 && memory.held <= 5)
      let made = try volume.extract(commit, to: "made") { $0.tail = tail }
      #expect(try volume.content(made) == expected)
      #expect(volume.store.taken("tail").count == 2 && memory.held <= 5)
    }
  }

  @Test func aPieceThatWasExchangedSinceItWasLookedAtIsNotUsed() throws {
    try with { volume in
      let (commit, _) = try grown(volume)
      let tail = try CommitTail(commit, TailMemory(volume.repository, limit: 0))
      let chain = TailChain(environment: "local", volume: StoredVolume.name, commit: commit.id)
      let first = TailPiece(chain: chain, number: 0, moment: Date(), newest: [:], parts: [], before: nil)
      try volume.store.delete(chain.name(0))
      try volume.store.put(volume.repository.sealCompressed(first.encoded()), as: chain.name(0))
      let error = failure { _ = try volume.extract(commit, to: "made") { $0.tail = tail } }
      #expect(error?.code == .repositoryDamaged, "\(String(describing: error))")
    }
  }

  // MARK: Resumed

  private func dataBytes(_ volume: StoredVolume) -> Int { volume.store.taken("data").reduce(0) { $0 + $1.bytes } }

  /// A volume that is to be replaced, and a backup of another state of it: tables of 10 MB in all.
  private func backedUp(_ volume: StoredVolume) throws -> (Commit, expected: [String: Data]) {
    try volume.write(0..<10, bytes: 8 << 20)
    try volume.file("secret", [1, 2, 3])
    let commit = try volume.commit()
    let expected = try volume.content(volume.path)
    try FileManager.default.removeItem(atPath: volume.path)
    _ = dataBytes(volume)
    return (commit, expected)
  }

  @Test func aRestoreThatLostItsStoreGoesOnWhereItWas() throws {
    try with { volume in
      let (commit, expected) = try backedUp(volume)
      let restore = try volume.restore(commit)
      // Trees and notes, then five tables.
      volume.store.goAway(after: 11) { volume.isGrowing }
      let error = failure { _ = try restore.run() }
      #expect(error?.code == .blobUnreachable && error?.hint?.contains("goes on") == true)
      let before = dataBytes(volume)
      #expect(try FileSystem.status(volume.path) == nil)
      #expect(try FileSystem.names(in: volume.volumes).count { $0.contains(".discarded-") } == 1)
      volume.store.goAway(after: nil)
      _ = try volume.restore(commit).run()
      let after = dataBytes(volume)
      #expect(try volume.content(volume.path) == expected)
      #expect(try volume.hidden() == [])
      // Something of each window was in vain.
      #expect(before > 32 << 20)
      #expect(after < 84 << 20 - before / 3, "after \(before)")
    }
  }

  /// As a kill leaves it: whole, and not said to be.
  private func killed(_ volume: StoredVolume, _ commit: Commit) throws -> RestoreStage {
    let restore = try volume.restore(commit)
    let stage = try RestoreStage(restore.plan(), sha256: nil, renames: Renames())
    try stage.begin()
    _ = try restore.source.build(RestoreBuild(stage.directories))
    return stage
  }

  @Test func whatAKilledRestoreHasMadeIsNotFetchedAgain() throws {
    try with { volume in
      let (commit, expected) = try backedUp(volume)
      let stage = try killed(volume, commit)
      let staging = try #require(stage.directories[StoredVolume.name])
      let table = try #require(try FileSystem.names(in: "\(staging)/rocksdb").first { $0.hasSuffix(".sst") })
      let made = try #require(try FileSystem.status("\(staging)/rocksdb/\(table)")).identity
      _ = dataBytes(volume)
      let report = try volume.restore(commit).run()
      #expect(dataBytes(volume) < 100_000, "trees, and what makes a database of it")
      #expect(try volume.content(volume.path) == expected)
      #expect(try FileSystem.status("\(volume.path)/rocksdb/\(table)")?.identity == made)
      #expect(report.settled.count == 1)
      #expect(try volume.hidden() == [])
    }
  }

  @Test func whatIsNotTheSameInItIsFetched() throws {
    try with { volume in
      let (commit, expected) = try backedUp(volume)
      let staging = try #require(try killed(volume, commit).directories[StoredVolume.name])
      let names = try FileSystem.names(in: "\(staging)/rocksdb")
      let table = "rocksdb/\(try #require(names.first { $0.hasSuffix(".sst") }))"
      let log = "rocksdb/\(try #require(names.first { $0.hasSuffix(".log") }))"
      for name in [table, log] {
        let file = try Descriptor.open("\(staging)/\(name)", O_RDWR)
        let time = try file.status().st_mtim
        #expect(pwrite(file.fd, [UInt8(0xaa), 0xbb], 2, 1) == 2)
        try file.setModified(time)
      }
      // A further name elsewhere: whoever uses it would go on with the volume's file.
      #expect(link("\(staging)/secret", "\(volume.root)/elsewhere") == 0)
      _ = dataBytes(volume)
      _ = try volume.restore(commit).run()
      let read = dataBytes(volume)
      #expect(read > 8 << 20 && read < 24 << 20, "\(read)")
      #expect(try volume.content(volume.path) == expected)
      #expect(
        try FileSystem.status("\(volume.path)/secret")?.identity
          != FileSystem.status("\(volume.root)/elsewhere")?.identity)
    }
  }

  /// A minute later the newest backup is another one, and most of it is the same.
  @Test func anotherBackupTakesWhatIsTheSame() throws {
    try with { volume in
      let (commit, _) = try backedUp(volume)
      _ = try volume.restore(commit).run()
      try volume.write(10..<11, bytes: 1 << 20)
      let later = try volume.commit()
      let expected = try volume.content(volume.extract(later, to: "expected"))
      _ = try killed(volume, commit)
      _ = dataBytes(volume)
      _ = try volume.restore(later).run()
      #expect(dataBytes(volume) < 8 << 20)
      #expect(try volume.content(volume.path) == expected)
    }
  }

  @Test func nothingIsKeptWhereNothingCanGoOn() throws {
    try with { volume in
      let (commit, _) = try backedUp(volume)
      _ = try killed(volume, commit)
      // It is told to be deleted.
      #expect(PendingRestore.settle([try VolumePlace(volume.path)]).failures.isEmpty)
      #expect(try FileSystem.names(in: volume.volumes) == [])
      // A fault that another try does not mend.
      _ = try killed(volume, commit)
      var restore = try volume.restore(commit)
      restore.proof.full = { _, _, _, _, _ in throw GoudError(.databaseCorrupt, "no") }
      #expect(failure { _ = try restore.run() }?.code == .databaseCorrupt)
      #expect(try FileSystem.names(in: volume.volumes) == [])
      // An archive is at hand: it is unpacked anew.
      _ = try killed(volume, commit)
      var archive = try volume.restore(commit)
      archive.source.resumes = false
      _ = dataBytes(volume)
      _ = try archive.run()
      #expect(dataBytes(volume) > 80 << 20)
    }
  }

  @Test func aMountPointGoesOnAsWell() async throws {
    try await withTemporaryDirectory { root in
      let volume = try StoredVolume(root)
      let (commit, expected) = try backedUp(volume)
      try FileManager.default.createDirectory(atPath: volume.path, withIntermediateDirectories: true)
      try await Mounts.bind("\(root)/disk", at: volume.path) { _ in
        let restore = try volume.restore(commit)
        volume.store.goAway(after: 11) { volume.isGrowing }
        #expect(failure { _ = try restore.run() }?.code == .blobUnreachable)
        let before = dataBytes(volume)
        #expect(try volume.hidden().map { String($0.prefix(16)) } == [".goud-discarded-"])
        volume.store.goAway(after: nil)
        _ = try volume.restore(commit).run()
        #expect(dataBytes(volume) < 84 << 20 - before / 3)
        #expect(try volume.content(volume.path) == expected)
        #expect(try volume.hidden() == [])
      }
    }
  }

  // MARK: At hand

  @Test func tablesOfASafetyCopyNeedNotBeFetched() throws {
    try with { volume in
      let (commit, expected) = try backedUp(volume)
      _ = try volume.restore(commit).run()
      // Something else is put in its place.
      try FileManager.default.moveItem(
        atPath: volume.path, toPath: "\(volume.volumes)/.node1_data.replaced-20261130-120000")
      try volume.write(0..<1)
      let copies = try SafetyCopy.all(of: VolumePlace(volume.path)).map(\.path)
      #expect(copies.count == 1)
      var restore = try volume.restore(commit, present: [volume.path] + copies)
      restore.request.replaceForeign = true
      _ = dataBytes(volume)
      _ = try restore.run()
      #expect(dataBytes(volume) < 1 << 20)
      #expect(try volume.content(volume.path) == expected)
    }
  }
}
