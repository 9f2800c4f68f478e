import Foundation
import Layout
import TestSupport
import Testing

@testable import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct TemporaryTests {
  private static let old = ".old.goud-tmp-123"
  private static let day = 24 * 3600

  private func open(_ directory: String) throws -> Descriptor { try Descriptor.open(directory, O_RDONLY | O_DIRECTORY) }

  private func make(_ path: String, age: Int = 0) throws {
    try Data().write(to: URL(fileURLWithPath: path))
    try backdate(path, by: age)
  }

  private func backdate(_ path: String, by seconds: Int) throws {
    let past = timespec(tv_sec: time(nil) - seconds, tv_nsec: 0)
    #expect(utimensat(AT_FDCWD, path, [past, past], 0) == 0)
  }

  private func left(in directory: String) throws -> [String] { try FileSystem.names(in: directory).sorted() }

  @Test(arguments: [TemporaryName.Kind.file, .unpacked]) func whatIsOwnedStaysAndIsNoLeftover(
    _ kind: TemporaryName.Kind
  ) throws {
    try inTemporaryDirectory { scratch in
      let owned = try Temporary.create(kind, for: kind == .file ? "a" : "", in: try open(scratch))
      try backdate(owned.path, by: 30 * Self.day)
      #expect(try Leftovers(in: scratch).list().isEmpty)
      #expect(try Leftovers(in: scratch).remove().isEmpty)
      #expect(try left(in: scratch) == [owned.name.text])
      owned.remove()
      #expect(try left(in: scratch).isEmpty)
    }
  }

  /// The owner may be in another container, and its number anybody's: only the lock is looked at.
  @Test func whatAnotherProcessHasLockedStaysUntilThatIsKilled() async throws {
    try await withTemporaryDirectory { scratch in
      let name = ".a.goud-tmp-r000000000000001"
      let path = "\(scratch)/\(name)"
      try make(path, age: 30 * Self.day)
      try await Programs.running("/usr/bin/flock", ["--no-fork", path, "sleep", "3600"]) { holder in
        try await waitUntil("the lock to be taken") { try Leftovers(in: scratch).list().isEmpty }
        #expect(try Leftovers(in: scratch).remove().isEmpty)
        holder.send(SIGKILL)
      }
      try await waitUntil("the lock to be free") { try !Leftovers(in: scratch).list().isEmpty }
      #expect(try Leftovers(in: scratch).remove().map(\.text) == [name])
      #expect(try left(in: scratch).isEmpty)
    }
  }

  @Test func aDirectoryOfAKilledRunGoesWithAllThatIsInIt() throws {
    try inTemporaryDirectory { scratch in
      let victim = "\(scratch)/victim"
      let unpacked = "\(scratch)/.goud-unpacked-r00000000000000a"
      try FileManager.default.createDirectory(atPath: victim, withIntermediateDirectories: false)
      try make("\(victim)/precious")
      try FileManager.default.createDirectory(atPath: "\(unpacked)/v/closed", withIntermediateDirectories: true)
      try make("\(unpacked)/.goud-owner")
      try make("\(unpacked)/v/caf")
      #expect(rename("\(unpacked)/v/caf", [CChar](unpacked.utf8CString.dropLast()) + [0x2f, 0x76, 0x2f, -23, 0]) == 0)
      #expect(symlink(victim, "\(unpacked)/v/link") == 0)
      #expect(chmod("\(unpacked)/v/closed", 0) == 0)
      #expect(try Leftovers(in: scratch).remove().count == 1)
      #expect(try left(in: scratch) == ["victim"])
      #expect(try left(in: victim) == ["precious"])
    }
  }

  @Test func ofAnotherShapeOrAnotherUserNothingIsRemoved() throws {
    try inTemporaryDirectory { scratch in
      try FileManager.default.createDirectory(atPath: "\(scratch)/victim", withIntermediateDirectories: false)
      try make("\(scratch)/victim/precious")
      #expect(symlink("\(scratch)/victim", "\(scratch)/.goud-view-2147483647-x") == 0)
      #expect(symlink("\(scratch)/victim/precious", "\(scratch)/.a.goud-tmp-r000000000000001") == 0)
      #expect(mkfifo("\(scratch)/.b.goud-tmp-r000000000000001", 0o600) == 0)
      try FileManager.default.createDirectory(
        atPath: "\(scratch)/.c.goud-tmp-r000000000000001", withIntermediateDirectories: false)
      var expected = 5
      if geteuid() == 0 {
        try make("\(scratch)/.d.goud-tmp-r000000000000001")
        #expect(chown("\(scratch)/.d.goud-tmp-r000000000000001", 65534, 65534) == 0)
        expected += 1
      }
      #expect(try Leftovers(in: scratch).remove().isEmpty)
      #expect(try left(in: scratch).count == expected)
      #expect(try left(in: "\(scratch)/victim") == ["precious"])
    }
  }

  /// Earlier versions took no lock: a number says nothing, a day without a change does.
  @Test func namesOfEarlierVersionsGoAfterADay() throws {
    try inTemporaryDirectory { scratch in
      try make("\(scratch)/.new.goud-tmp-123")
      try make("\(scratch)/.old.goud-tmp-123", age: Self.day + 60)
      for name in [".goud-view-7-AbCdEf", ".goud-unpacked-7"] {
        try FileManager.default.createDirectory(atPath: "\(scratch)/\(name)", withIntermediateDirectories: false)
        try backdate("\(scratch)/\(name)", by: Self.day + 60)
      }
      for name in [".c.goud-tmp-x", "d", ".e.goud-tmp-", ".goud-tmp-1"] {
        try make("\(scratch)/\(name)", age: 9 * Self.day)
      }
      #expect(
        try Leftovers(in: scratch).remove().map(\.text)
          == [".goud-unpacked-7", ".goud-view-7-AbCdEf", ".old.goud-tmp-123"])
      #expect(try left(in: scratch).count == 5)
    }
  }

  /// Whoever finds a file between its creation and its lock may take it for a leftover: it is made again.
  @Test func makersAndSweepersDoNotDisturbEachOther() async throws {
    try await withTemporaryDirectory { scratch in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for maker in 0..<2 {
          group.addTask {
            for round in 0..<300 {
              let path = "\(scratch)/\(maker)"
              try AtomicFile.write(Array("\(round)".utf8), to: path)
              #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(round)")
              let directory = try Temporary.create(
                .unpacked, in: Descriptor.open(scratch, O_RDONLY | O_DIRECTORY))
              #expect(mkdir("\(directory.path)/v", 0o700) == 0)
            }
          }
        }
        group.addTask { for _ in 0..<300 { try Leftovers(in: scratch).remove() } }
        try await group.waitForAll()
      }
      #expect(try left(in: scratch) == ["0", "1"])
    }
  }

  @Test func aNameIsReservedByOneRunAtATime() throws {
    try inTemporaryDirectory { scratch in
      let directory = try open(scratch)
      let first = try #require(try Temporary.reserve("backup", in: directory))
      #expect(try Temporary.reserve("backup", in: directory) == nil)
      #expect(try Temporary.reserve("other", in: directory) != nil)
      first.remove()
      try make("\(scratch)/.backup.goud-name")
      let again = try #require(try Temporary.reserve("backup", in: directory), "of a killed run")
      #expect(try left(in: scratch) == [".backup.goud-name"])
      withExtendedLifetime(again) {}
    }
  }

  @Test func anEmptyFileThatKeptANameFreeGoesWithItsTemporary() throws {
    try inTemporaryDirectory { scratch in
      for name in ["a", "b", ".a.goud-reserving-r000000000000001", ".b.goud-tmp-r000000000000001"] {
        try make("\(scratch)/\(name)")
      }
      try Leftovers(in: scratch).remove()
      #expect(try left(in: scratch) == ["b"])
    }
  }
}

@Suite struct PrivatePlaceTests {
  @Test func whereOthersMayRenameWhatIsInItNothingIsPut() throws {
    try inTemporaryDirectory { (scratch: String) throws in
      for (name, mode) in [("open", 0o777), ("below", 0o700), ("sticky", 0o1777), ("own", 0o700)] {
        #expect(mkdir("\(scratch)/\(name)", 0o700) == 0 && chmod("\(scratch)/\(name)", mode_t(mode)) == 0)
      }
      #expect(mkdir("\(scratch)/open/below", 0o700) == 0)
      let bad = ["\(scratch)/none", "\(scratch)/open", "\(scratch)/open/below", "/proc/self"]
      #expect(try PrivatePlace.open(among: bad + ["\(scratch)/sticky"]).path == "\(scratch)/sticky")
      #expect(try PrivatePlace.open(among: ["\(scratch)/own"]).path == "\(scratch)/own")
      let error = #expect(throws: GoudError.self) { try PrivatePlace.open(among: bad) }
      #expect(error?.code == .ioPermission)
      #expect(try FileSystem.names(in: "\(scratch)/open") == ["below"])
    }
  }
}
