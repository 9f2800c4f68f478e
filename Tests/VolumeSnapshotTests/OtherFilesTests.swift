import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// What lies beside a database, and is written, moved and removed by software that knows nothing of backups.
@Suite struct OtherFilesTests {
  private func withVolume(_ body: (String, String) async throws -> Void) async throws {
    try await withTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try await writeDatabase("\(volume)/rocksdb", operations: 10)
      try await body(volume, scratch)
    }
  }

  private func take(_ volume: String, _ scratch: String, oneFileSystem: Bool = false) throws -> VolumeSnapshot {
    var options = SnapshotOptions(scratch: scratch)
    options.oneFileSystem = oneFileSystem
    return try VolumeSnapshot.take(volume, options: options)
  }

  private func item(_ path: String, _ snapshot: VolumeSnapshot) -> VolumeItem? {
    snapshot.items.first { $0.entry.path == path }
  }

  private func bytes(_ item: VolumeItem) throws -> [UInt8] {
    guard case .file(let size) = item.entry.kind else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = try bytes.withUnsafeMutableBytes { try item.content?.read(into: $0, at: 0) }
    #expect(count == bytes.count)
    return bytes
  }

  private func write(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

  // MARK: Files that are written

  /// Also one that writes the same bytes over and over: nobody can tell that they were the same in between.
  @Test(arguments: [22_000, 3 << 20], [false, true])
  func aFileThatIsWrittenAllTheTimeIsStoredAndNamed(_ size: Int, same: Bool) async throws {
    try await withVolume { volume, scratch in
      let writer = try RestlessFile("\(volume)/beat", size: size, same: same)
      defer { writer.stop() }
      // A writer that the kernel does not let run for a while is at rest.
      try await waitUntil("it is named") {
        let snapshot = try take(volume, scratch)
        let beat = try #require(self.item("beat", snapshot))
        #expect(try bytes(beat).count == size)
        guard snapshot.beside.restless == ["beat"] else { return false }
        #expect(try beat.settle?("") ?? true, "it is known for it")
        return true
      }
    }
  }

  @Test func filesAtRestAreNotNamed() async throws {
    try await withVolume { volume, scratch in
      for (name, size) in [("small", 5000), ("large", 3 << 20), ("empty", 0)] {
        try write([UInt8](repeating: 7, count: size), "\(volume)/\(name)")
        let item = try #require(self.item(name, try take(volume, scratch)))
        #expect(try bytes(item) == [UInt8](repeating: 7, count: size))
      }
      #expect(try take(volume, scratch).beside.restless.isEmpty)
    }
  }

  /// A log: what comes after the looks is not stored, and what was there then is of one moment.
  @Test func aFileThatGrowsAfterTheLooksSettles() async throws {
    try await withVolume { volume, scratch in
      let before = [UInt8](repeating: 1, count: 2 << 20)
      try write(before, "\(volume)/log")
      let snapshot = try take(volume, scratch)
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(volume)/log"))
      try file.seekToEnd()
      try file.write(contentsOf: Data("more".utf8))
      let item = try #require(self.item("log", snapshot))
      let stored = try bytes(item)
      #expect(stored == before)
      #expect(try item.settle?(Digest.hex(of: stored)) == true)
    }
  }

  @Test func aFileThatChangesWhileItIsStoredDoesNotSettleAndIsNamedFromThenOn() async throws {
    try await withVolume { volume, scratch in
      try write([UInt8](repeating: 1, count: 2 << 20), "\(volume)/map")
      let snapshot = try take(volume, scratch)
      #expect(snapshot.beside.restless.isEmpty)
      let item = try #require(self.item("map", snapshot))
      let stored = Digest.hex(of: [UInt8](repeating: 1, count: 1 << 20) + [UInt8](repeating: 2, count: 1 << 20))
      _ = try bytes(item)
      #expect(try item.settle?(stored) == false)
      let again = try snapshot.taking(late: ["map"])
      #expect(again.beside.restless == ["map"] && again.beside.files == snapshot.beside.files)
      let forgiving = try #require(self.item("map", again))
      // It may shrink by now: its entry says how long it is.
      try write([3], "\(volume)/map")
      #expect(try bytes(forgiving).count == 2 << 20)
      #expect(try forgiving.settle?(stored) == true)
    }
  }

  @Test func aLargeFileThatIsDeletedAfterTheLooksIsStored() async throws {
    try await withVolume { volume, scratch in
      try write([UInt8](repeating: 9, count: 2 << 20), "\(volume)/gone")
      let snapshot = try take(volume, scratch)
      unlink("\(volume)/gone")
      let item = try #require(self.item("gone", snapshot))
      let stored = try bytes(item)
      #expect(stored == [UInt8](repeating: 9, count: 2 << 20))
      #expect(try item.settle?(Digest.hex(of: stored)) == true)
    }
  }

  // MARK: Databases of SQLite

  private static let writer = """
    import os, random, sqlite3, sys
    d = sqlite3.connect(sys.argv[1], isolation_level=None); r = random.randrange
    d.execute('pragma journal_mode=' + sys.argv[2])
    d.executescript('create table p(k integer primary key, v blob, w integer); create index i on p(w); begin')
    d.executemany('insert into p values(?,?,?)', ((k, os.urandom(300), k) for k in range(20000))); d.execute('commit')
    open(sys.argv[1] + '.ready', 'w').close()
    try:
        while True:
            d.execute('begin'); d.executemany('update p set v=?, w=? where k=?',
                [(os.urandom(r(200, 400)), r(1 << 30), r(20000)) for _ in range(400)]); d.execute('commit')
    finally:
        open(sys.argv[1] + '.failed', 'w').close()
    """

  @Test(arguments: ["delete", "truncate", "persist", "wal"])
  func aDatabaseOfSQLiteThatIsWrittenAllTheTimeIsStoredWhole(_ mode: String) async throws {
    try await withVolume { volume, scratch in
      let path = "\(volume)/peers.sqlite"
      try await Programs.running("python3", ["-c", Self.writer, path, mode]) { _ in
        try await waitUntil("the writer to be at work") { try FileSystem.status("\(path).ready") != nil }
        var whole = 0
        for attempt in 0..<10 where whole < 2 {
          let snapshot = try take(volume, scratch)
          // On a machine that is very busy the writer may hold its lock each time we look.
          guard snapshot.beside.restless.isEmpty else { continue }
          whole += 1
          try snapshot.unpack(to: "\(scratch)/\(attempt)")
          let check =
            "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchall())"
          let found = try await Programs.run("python3", ["-c", check, "\(scratch)/\(attempt)/peers.sqlite"])
          #expect(found.output == "[('ok',)]\n", "\(found.errors)")
        }
        #expect(whole > 0)
        #expect(try FileSystem.status("\(path).failed") == nil, "the writer was never refused anything")
      }
    }
  }

  // MARK: What comes and goes

  @Test func whatIsGoneWhenItIsOpenedIsGone() async throws {
    try await withVolume { volume, scratch in
      let writer = RepeatingThread { round in
        let directory = "\(volume)/t-\(round % 3)"
        mkdir(directory, 0o700)
        close(creat("\(directory)/f", 0o600))
        unlink("\(directory)/f")
        rmdir(directory)
      }
      for _ in 0..<40 { _ = try take(volume, scratch) }
      writer.stop()
    }
  }

  // MARK: Holes, names, mounts

  @Test func holesAreNotContent() async throws {
    try await withVolume { volume, scratch in
      try write([UInt8](repeating: 1, count: 4096), "\(volume)/map")
      try #require(truncate("\(volume)/map", 100 << 30) == 0)
      let snapshot = try take(volume, scratch)
      let item = try #require(self.item("map", snapshot))
      #expect(item.entry.kind == .file(size: 100 << 30) && item.entry.extents == [0..<4096])
      #expect(snapshot.beside.apparentBytes - snapshot.beside.bytes == 100 << 30 - 4096)
    }
  }

  @Test func aSecondNameIsNoSecondFile() async throws {
    try await withVolume { volume, scratch in
      try write([1, 2, 3], "\(volume)/a")
      try write([UInt8](repeating: 1, count: 2 << 20), "\(volume)/large")
      for (first, second) in [("a", "b"), ("a", "c"), ("large", "rocksdb/again")] {
        try FileManager.default.linkItem(atPath: "\(volume)/\(first)", toPath: "\(volume)/\(second)")
      }
      try FileManager.default.createDirectory(atPath: "\(volume)/tmp", withIntermediateDirectories: true)
      let table = try #require(
        try FileSystem.names(in: "\(volume)/rocksdb").first { $0.hasSuffix(".log") || $0.hasSuffix(".sst") })
      let snapshot = try take(volume, scratch)
      #expect(snapshot.beside.secondNameCount == 3 && !table.isEmpty)
      try snapshot.unpack(to: "\(scratch)/copy")
      for (first, second) in [("a", "b"), ("a", "c"), ("large", "rocksdb/again")] {
        let status = try #require(try FileSystem.status("\(scratch)/copy/\(first)"))
        #expect(try FileSystem.status("\(scratch)/copy/\(second)")?.identity == status.identity)
      }
    }
  }

  @Test func tablesThatACheckpointSharesAreStoredOnce() async throws {
    try await withTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try await writeDatabase("\(volume)/rocksdb", operations: 2000, ["--write-buffer", "65536"])
      for name in ["cp1", "cp2"] {
        let made = try await Programs.run(
          "ldb", ["--db=\(volume)/rocksdb", "checkpoint", "--checkpoint_dir=\(volume)/\(name)"])
        try #require(made.status == 0, "\(made.errors)")
      }
      let snapshot = try take(volume, scratch)
      let tables = snapshot.databaseItems.filter { $0.entry.path.hasSuffix(".sst") }
      let files = tables.filter { if case .file = $0.entry.kind { true } else { false } }
      #expect(files.count < tables.count && files.allSatisfy { $0.prove != nil })
      // A checkpoint's table has the name that it has in its database.
      #expect(Set(files.map { FileSystem.name(of: $0.entry.path) }).count == files.count)
    }
  }

  /// Bound, so that its device is that of the volume.
  @Test func aMountInsideTheVolumeIsNamed() async throws {
    try await withVolume { volume, scratch in
      try await Mounts.bind("\(scratch)/elsewhere", at: "\(volume)/m") { mounted in
        try write([1], "\(mounted)/inside")
        let within = try take(volume, scratch)
        #expect(within.beside.mounts == ["m"] && item("m/inside", within) != nil)
        let without = try take(volume, scratch, oneFileSystem: true)
        #expect(without.beside.mounts.isEmpty && item("m/inside", without) == nil && item("m", without) != nil)
        #expect(without.beside.skipped.contains { $0.hasPrefix("m ") })
        // A database on it goes the same way.
        try await writeDatabase("\(mounted)/other", operations: 10, [])
        #expect(try take(volume, scratch).databases.map(\.location.path).sorted() == ["m/other", "rocksdb"])
        #expect(try take(volume, scratch, oneFileSystem: true).databases.map(\.location.path) == ["rocksdb"])
      }
    }
  }

  @Test func whatIsGoudsOwnIsNotContent() async throws {
    try await withVolume { volume, scratch in
      try write([1], "\(volume)/.goud-standing.json")
      try FileManager.default.createDirectory(atPath: "\(volume)/.goud-staged", withIntermediateDirectories: true)
      try write([1], "\(volume)/.goud-staged/x")
      try write([1], "\(volume)/rocksdb/.goud-like")
      let paths = Set(try take(volume, scratch).items.map(\.entry.path))
      #expect(!paths.contains { $0.hasPrefix(".goud-") } && paths.contains("rocksdb/.goud-like"))
    }
  }
}

/// Does something again and again, on a thread, until it is stopped.
private final class RepeatingThread: @unchecked Sendable {
  private let lock = NSLock()
  private let ended = NSCondition()
  private var stopped = false
  private var running = true

  init(_ body: @escaping @Sendable (Int) -> Void) {
    let thread = Thread { [self] in
      var round = 0
      while !lock.withLock({ stopped }) {
        body(round)
        round += 1
      }
      ended.lock()
      running = false
      ended.broadcast()
      ended.unlock()
    }
    thread.start()
  }

  func stop() {
    lock.withLock { stopped = true }
    ended.lock()
    while running { ended.wait() }
    ended.unlock()
  }
}

/// A file that somebody writes to without a pause.
private final class RestlessFile {
  private let thread: RepeatingThread

  init(_ path: String, size: Int, same: Bool = false) throws {
    let file = try Descriptor.open(path, O_RDWR | O_CREAT)
    try file.write([UInt8](repeating: 0, count: size))
    let count = min(size, 64 << 10)
    thread = RepeatingThread { round in
      let bytes = [UInt8](repeating: same ? 0 : UInt8(truncatingIfNeeded: round), count: count)
      pwrite(file.fd, bytes, count, off_t(round * 4096 % (size - count + 1)))
    }
  }

  func stop() { thread.stop() }
}
