import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct UntrustedDirectoryTests {
  /// A directory `root` beside a file `secret` and a directory `outside` with a file `secret`.
  private func inRoot(_ body: (_ root: String, _ directory: UntrustedDirectory) throws -> Void) throws {
    try inTemporaryDirectory { scratch in
      for directory in ["volume/a/b", "outside"] {
        try FileManager.default.createDirectory(atPath: "\(scratch)/\(directory)", withIntermediateDirectories: true)
      }
      for file in ["secret", "outside/secret", "volume/a/b/file"] {
        try Data(file.utf8).write(to: URL(fileURLWithPath: "\(scratch)/\(file)"))
      }
      let root = "\(scratch)/volume"
      try body(root, try UntrustedDirectory(root: root))
    }
  }

  private func refused(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      let error = error as? GoudError
      return error?.code == .volumeUnsafe ? error?.context["kind"] : "\(String(describing: error))"
    }
  }

  @Test func aFileIsOpenedBelowTheDirectory() throws {
    try inRoot { (root, directory) throws in
      let file = try #require(try directory.file("a/./b//file"))
      #expect(try file.readAll() == Array("volume/a/b/file".utf8))
      #expect(file.path == "\(root)/a/b/file")
      #expect(try directory.directory("a")?.file("b/file") != nil)
      #expect(try directory.status("a/b")?.isDirectory == true)
    }
  }

  @Test func whatIsNotThereIsNil() throws {
    try inRoot { (_, directory) throws in
      #expect(try directory.file("a/none") == nil)
      #expect(try directory.file("none/file") == nil)
      #expect(try directory.directory("a/none") == nil)
      #expect(try directory.status("none/none") == nil)
    }
  }

  @Test func noLinkIsFollowedInAnyComponent() throws {
    try inRoot { (root, directory) throws in
      #expect(symlink("../secret", "\(root)/link") == 0)
      #expect(symlink("../outside", "\(root)/way") == 0)
      #expect(refused { _ = try directory.file("link") } == "link")
      #expect(refused { _ = try directory.file("way/secret") } == "link")
      #expect(refused { _ = try directory.directory("way") } == "link")
      #expect(try directory.file("link", others: .absent) == nil)
      #expect(try directory.file("way/secret", others: .absent) == nil)
      #expect(try directory.status("link")?.isLink == true)
      #expect(try directory.status("way/secret") == nil)
      #expect(try directory.target(ofLink: "way") == "../outside")
    }
  }

  @Test func aPathDoesNotLeadOut() throws {
    try inRoot { (root, directory) throws in
      for path in ["../secret", "a/../../secret", "\(root)/a/b/file"] {
        #expect(throws: GoudError.self) { try directory.file(path) }
        #expect(throws: GoudError.self) { try directory.status(path) }
      }
    }
  }

  @Test(.timeLimit(.minutes(5))) func nothingWaitsForAPipe() throws {
    try inRoot { (root, directory) throws in
      #expect(mkfifo("\(root)/pipe", 0o600) == 0)
      #expect(refused { _ = try directory.file("pipe") } == "pipe")
      #expect(refused { _ = try directory.directory("pipe") } == "pipe")
      #expect(try directory.file("pipe", others: .absent) == nil)
    }
  }

  @Test func aDirectoryIsNoFileAndAFileNoDirectory() throws {
    try inRoot { (_, directory) throws in
      #expect(refused { _ = try directory.file("a") } == "directory")
      #expect(refused { _ = try directory.directory("a/b/file") } == "file")
      #expect(refused { _ = try directory.file("a/b/file/x") } == "file")
    }
  }

  @Test func aDirectoryThatIsMovedAwayIsStillTheSame() throws {
    try inRoot { (root, directory) throws in
      let inner = try #require(try directory.directory("a/b"))
      #expect(rename("\(root)/a", "\(root)/c") == 0)
      #expect(symlink("../outside", "\(root)/a") == 0)
      #expect(try inner.file("file") != nil)
      #expect(try inner.file("secret") == nil)
    }
  }

  @Test func aNameThatIsNotUTF8IsListedAndNamed() throws {
    try inRoot { (root, directory) throws in
      let bytes: [CChar] = Array("\(root)/caf".utf8CString.dropLast()) + [CChar(bitPattern: 0xe9), 0]
      #expect(mkdir(bytes, 0o700) == 0)
      try Data().write(to: URL(fileURLWithPath: "\(root)/é"))
      let entries = try directory.entries()
      #expect(entries.map(\.name) == ["a", "caf\\xe9", "é"])
      #expect(entries.map(\.text) == ["a", nil, "é"])
      #expect(try directory.names() == ["a", "é"])
      #expect(try directory.directory(entries[1]) != nil)
    }
  }
}
