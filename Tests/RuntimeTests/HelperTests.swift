import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Runtime

#if canImport(Glibc)
  import Glibc
#endif

/// Needs root: files are given away.
@Suite struct VolumeOwnerTests {
  @Test func everythingInAVolumeIsGivenAway() throws {
    try inTemporaryDirectory { root in
      try FileManager.default.createDirectory(atPath: "\(root)/v/a/b", withIntermediateDirectories: true)
      try AtomicFile.write([1], to: "\(root)/v/a/b/file")
      #expect(symlink("/", "\(root)/v/a/link") == 0)
      try VolumeOwner.give("\(root)/v", user: 4242, group: 4243)
      for path in ["v", "v/a", "v/a/b", "v/a/b/file", "v/a/link"] {
        let status = try #require(try FileSystem.status("\(root)/\(path)"))
        #expect(status.st_uid == 4242 && status.st_gid == 4243, "\(path)")
      }
      #expect(try #require(try FileSystem.status("\(root)/v")).st_mode & 0o777 == 0o700)
      #expect(try #require(try FileSystem.status("/")).st_uid == 0)
    }
  }

  /// A node exchanges a directory for a link while its volume is given away.
  @Test func nothingOutsideIsGivenAwayWhateverIsExchanged() async throws {
    try await withTemporaryDirectory { root in
      for directory in ["v/d", "victim"] {
        try FileManager.default.createDirectory(atPath: "\(root)/\(directory)", withIntermediateDirectories: true)
      }
      let precious = "\(root)/victim/precious"
      try AtomicFile.write([1], to: precious)
      for number in 0..<500 { _ = FileManager.default.createFile(atPath: "\(root)/v/\(number)", contents: nil) }
      #expect(symlink("../victim", "\(root)/v/link") == 0)
      let over = Cancellation()
      async let node: Void = onThread {
        while !over.isCancelled {
          for exchange in [[("d", "aside"), ("link", "d")], [("d", "link"), ("aside", "d")]] {
            for (from, to) in exchange { rename("\(root)/v/\(from)", "\(root)/v/\(to)") }
            // Long enough to be found as it is, short enough to be another a moment later.
            usleep(500)
          }
        }
      }
      let owner = try await onThread {
        defer { over.cancel() }
        for round in 0..<100 {
          try VolumeOwner.give("\(root)/v", user: 4242 + UInt32(round % 2), group: 4242)
          if try FileSystem.status(precious)?.st_uid != 0 { break }
        }
        return try FileSystem.status(precious)?.st_uid
      }
      try await node
      #expect(owner == 0)
    }
  }
}

@Suite struct HangupTests {
  /// Whoever rotates logs does not know whether the program has come to its handler yet.
  @Test func aHangupBeforeThereIsAHandlerDoesNotEndIt() throws {
    try inTemporaryDirectory { root in
      let process = try Detached.start("/bin/sleep", ["600"], log: "\(root)/log")
      process.signal(SIGHUP)
      process.signal(SIGTERM)
      var ended: String?
      while ended == nil { ended = Detached.reap(process) }
      #expect(ended == "signal \(SIGTERM)")
    }
  }
}
