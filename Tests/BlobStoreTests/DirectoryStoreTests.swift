import BlobStore
import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct DirectoryStoreTests {
  @Test func foldersAreForTheOwnerOnly() async throws {
    try await withTemporaryDirectory { root in
      let store = DirectoryStore("\(root)/new/store")
      try store.put([1], as: "data/ab/one")
      for folder in ["", "/data", "/data/ab"] {
        let status = try #require(try FileSystem.status("\(root)/new/store\(folder)"))
        #expect(status.st_mode & 0o7777 == 0o700)
      }
      #expect(try #require(try FileSystem.status("\(root)/new/store/data/ab/one")).st_mode & 0o7777 == 0o600)
    }
  }

  @Test func aFolderGoesWithItsLastObjectButNotTheFirstOfAll() async throws {
    try await withTemporaryDirectory { root in
      let store = DirectoryStore(root)
      try store.put([1], as: "tail/volume/commit/1")
      try store.put([2], as: "tail/volume/commit/2")
      try store.delete("tail/volume/commit/1")
      #expect(try FileSystem.status("\(root)/tail/volume/commit") != nil)
      try store.delete(["tail/volume/commit/2"])
      #expect(try FileSystem.names(in: root) == ["tail"])
      #expect(try FileSystem.names(in: "\(root)/tail") == [])
      try store.put([3], as: "tail/volume/commit/3")
      #expect(try store.read("tail/volume/commit/3") == [3])
    }
  }

  /// Two stores, of which one puts into the folder that the other finds empty.
  @Test func aFolderThatGoesMeanwhileIsMadeAgain() async throws {
    try await withTemporaryDirectory { root in
      let failures = try await onThread {
        let (one, other) = (DirectoryStore(root), DirectoryStore(root))
        var failures = 0
        let thread = Thread { for round in 0..<400 { try? other.delete("a/b/c/gone\(round)") } }
        thread.start()
        for round in 0..<400 {
          do {
            try one.put([1], as: "a/b/c/\(round)")
            try one.delete("a/b/c/\(round)")
          } catch { failures += 1 }
        }
        while !thread.isFinished { sched_yield() }
        return failures
      }
      #expect(failures == 0)
    }
  }

  /// The first put into a folder looks for them, and no other.
  @Test func whatKilledRunsLeftInAFolderGoes() async throws {
    try await withTemporaryDirectory { root in
      let left = "\(root)/data/ab/.one.goud-tmp-r123456789abcdef"
      try FileManager.default.createDirectory(atPath: "\(root)/data/ab", withIntermediateDirectories: true)
      try Data("half".utf8).write(to: URL(fileURLWithPath: left))
      let store = DirectoryStore(root)
      #expect(try store.list(in: "", deep: true) == [])
      try store.put([1], as: "data/ab/one")
      #expect(try FileSystem.status(left) == nil)
      try Data("half".utf8).write(to: URL(fileURLWithPath: left))
      try store.put([1], as: "data/ab/two")
      #expect(try FileSystem.status(left) != nil)
    }
  }

  @Test func aLocationThatIsNoDirectoryIsNotEmpty() async throws {
    try await withTemporaryDirectory { root in
      try Data("x".utf8).write(to: URL(fileURLWithPath: "\(root)/file"))
      for location in ["\(root)/file", "\(root)/file/below"] {
        #expect(throws: GoudError.self) { try DirectoryStore(location).list() }
        #expect(throws: GoudError.self) { try DirectoryStore(location).list(in: "data", deep: true) }
      }
      #expect(try DirectoryStore("\(root)/none").list(in: "", deep: true) == [])
    }
  }

  @Test func linksAndFoldersAreNoObjects() async throws {
    try await withTemporaryDirectory { root in
      let store = DirectoryStore(root)
      try store.put([1], as: "data/one")
      try FileManager.default.createSymbolicLink(atPath: "\(root)/data/link", withDestinationPath: "one")
      try FileManager.default.createSymbolicLink(atPath: "\(root)/data/round", withDestinationPath: "..")
      #expect(try store.list(in: "", deep: true).map(\.name) == ["data/one"])
      for name in ["data/link", "data/round", "data"] {
        #expect(try store.status(of: name) == nil)
        let error = #expect(throws: GoudError.self) { try store.read(name) }
        #expect(error?.code == .blobNotFound)
        let taken = #expect(throws: GoudError.self) { try store.put([2], as: name) }
        #expect(taken?.code == .blobExists)
      }
    }
  }
}
