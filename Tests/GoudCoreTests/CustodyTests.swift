import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Needs root: files are given away.
@Suite struct CustodyTests {
  /// `way/in/file`, all of it root's alone.
  private func with(_ body: (_ root: String, _ file: String) throws -> Void) throws {
    try inTemporaryDirectory { root in
      let file = "\(root)/way/in/file"
      try FileManager.default.createDirectory(atPath: "\(root)/way/in", withIntermediateDirectories: true)
      try AtomicFile.write([1], to: file)
      for path in ["\(root)/way", "\(root)/way/in"] { #expect(chmod(path, 0o755) == 0) }
      try body(root, file)
    }
  }

  private func allow(_ path: String, _ mode: mode_t) throws {
    guard chmod(path, mode) == 0 else { throw GoudError.system("chmod", path) }
  }

  private func give(_ path: String, _ user: uid_t) throws {
    guard lchown(path, user, user) == 0 else { throw GoudError.system("chown", path) }
  }

  private func stranger(_ path: String) throws -> Custody.Custodian? {
    try Custody(of: path).stranger()?.who
  }

  @Test func whatIsRootsAloneHasNoStranger() throws {
    try with { _, file in
      let found = try stranger(file)
      #expect(found == nil)
    }
  }

  @Test(arguments: ["way", "way/in", "way/in/file"]) func whoeverMayWriteOneStepIsAStranger(_ step: String) throws {
    try with { root, file in
      let path = "\(root)/\(step)"
      func found() throws -> Custody.Custodian? {
        let stranger = try Custody(of: file).stranger()
        if let stranger { #expect(stranger.place == path) }
        return stranger?.who
      }
      try allow(path, 0o775)
      #expect(try found() == .group(0))
      try allow(path, 0o757)
      #expect(try found() == .everyone)
      try allow(path, 0o755)
      try give(path, 4242)
      #expect(try found() == .user(4242))
      #expect(try Custody(of: file).stranger(trusting: [.user(4242)]) == nil)
    }
  }

  @Test func aStickyDirectoryLeavesItsEntriesToTheirOwners() throws {
    try with { root, file in
      try allow("\(root)/way", 0o1777)
      #expect(try stranger(file) == nil)
      try give("\(root)/way/in", 4242)
      #expect(try stranger(file) == .user(4242))
    }
  }

  @Test func aLinkCountsItsOwnerAndWhereItLeads() throws {
    try with { root, file in
      try allow("\(root)/way", 0o1777)
      #expect(symlink("in", "\(root)/way/link") == 0)
      #expect(try stranger("\(root)/way/link/file") == nil)
      try give("\(root)/way/link", 4242)
      #expect(try stranger("\(root)/way/link/file") == .user(4242))
      try give("\(root)/way/link", 0)
      try allow(file, 0o646)
      #expect(try stranger("\(root)/way/link/../in/file") == .everyone)
      unlink("\(root)/way/link")
      #expect(symlink("\(root)/way/link", "\(root)/way/link") == 0)
      #expect(throws: GoudError.self) { try Custody(of: "\(root)/way/link/file") }
    }
  }

  @Test func aListOfFurtherUsersCounts() async throws {
    try await withTemporaryDirectory { root in
      let set = try await Programs.run("setfacl", ["-m", "u:4242:rwx", root])
      try #require(set.status == 0, "\(set.errors)")
      #expect(try stranger(root) != nil)
    }
  }

  @Test func whatIsNotThereIsAnError() throws {
    try with { root, _ in
      #expect(throws: GoudError.self) { try Custody(of: "\(root)/way/none") }
    }
  }
}
