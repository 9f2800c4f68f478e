import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct ByteCountTests {
  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (1_470_000_000, "1.5 GB"),
    (-2_500_000, "-2.5 MB"),
  ])
  func countsArePrintedInDecimalUnits(bytes: Int64, text: String) {
    #expect(ByteCount(bytes).description == text)
  }
}

@Suite struct AtomicFileTests {
  @Test func aPublishedFileIsWholeAndPrivate() throws {
    try inTemporaryDirectory { scratch in
      try AtomicFile.write(Array("new".utf8), to: "\(scratch)/file")
      #expect(try String(contentsOfFile: "\(scratch)/file", encoding: .utf8) == "new")
      #expect(try #require(try FileSystem.status("\(scratch)/file")).st_mode & 0o777 == 0o600)
      #expect(try FileSystem.names(in: scratch) == ["file"])
    }
  }

  @Test func aFileDroppedBeforePublicationLeavesNothing() throws {
    try inTemporaryDirectory { scratch in
      do {
        let file = try AtomicFile(path: "\(scratch)/file")
        try file.file.write(Array("half".utf8))
      }
      #expect(try FileSystem.names(in: scratch).isEmpty)
    }
  }

  @Test func withoutReplacingAnExistingFileStays() throws {
    try inTemporaryDirectory { scratch in
      try AtomicFile.write(Array("old".utf8), to: "\(scratch)/file")
      let error = #expect(throws: GoudError.self) {
        try AtomicFile.write(Array("new".utf8), to: "\(scratch)/file", replacing: false)
      }
      #expect(error?.code == .archiveExists)
      #expect(try String(contentsOfFile: "\(scratch)/file", encoding: .utf8) == "old")
      #expect(try FileSystem.names(in: scratch) == ["file"])
    }
  }
}

@Suite struct DirectoryLockTests {
  @Test func aSecondHolderIsRefusedAndToldWho() throws {
    try inTemporaryDirectory { scratch in
      let lock = try DirectoryLock(scratch)
      let error = #expect(throws: GoudError.self) { try DirectoryLock(scratch) }
      #expect(error?.code == .volumeLocked && error?.code.exitStatus == .locked)
      #expect(DirectoryLock.holder(of: scratch)?.pid == getpid())
      withExtendedLifetime(lock) {}
    }
  }

  @Test func aReleasedLockIsFree() throws {
    try inTemporaryDirectory { scratch in
      do { _ = try DirectoryLock(scratch) }
      #expect(DirectoryLock.holder(of: scratch) == nil)
      _ = try DirectoryLock(scratch)
    }
  }

  @Test func theLockOfAKilledProcessIsFreeAtOnce() async throws {
    try await withTemporaryDirectory { scratch in
      // One process; it ends with the test, however long that has to wait for its turn.
      try await Programs.running("/usr/bin/flock", ["--no-fork", scratch, "sleep", "3600"]) { holder in
        try await waitUntil("the lock to be taken") { DirectoryLock.holder(of: scratch) != nil }
        holder.send(SIGKILL)
      }
      try await waitUntil("the lock to be free") { DirectoryLock.holder(of: scratch) == nil }
    }
  }
}

@Suite struct OrderedPipelineTests {
  /// Collects results; the pipeline calls it from one thread.
  final class Results: @unchecked Sendable { var values: [Int] = [] }

  @Test func resultsComeInTheOrderOfSubmission() throws {
    let results = Results()
    let pipeline = OrderedPipeline<Int, Int>(name: "test", width: 4, depth: 8) {
      $0 * 2
    } consume: {
      results.values.append($0)
    }
    for number in 0..<1000 { try pipeline.submit(number) }
    try pipeline.finish()
    #expect(results.values == (0..<1000).map { $0 * 2 })
  }

  @Test func anErrorOfAWorkerStopsEverything() throws {
    let pipeline = OrderedPipeline<Int, Int>(name: "test", width: 2, depth: 4) {
      if $0 == 5 { throw GoudError(.ioFailed, "five") }
      return $0
    } consume: { _ in
    }
    let error = #expect(throws: GoudError.self) {
      for number in 0..<1000 { try pipeline.submit(number) }
      try pipeline.finish()
    }
    #expect(error?.message == "five")
    try pipeline.finish(abandoning: true)
  }

  @Test func anErrorOfTheConsumerComesOut() {
    let pipeline = OrderedPipeline<Int, Int>(name: "test", width: 2, depth: 4) {
      $0
    } consume: { _ in
      throw GoudError(.ioNoRoom, "full")
    }
    let error = #expect(throws: GoudError.self) {
      for number in 0..<100 { try pipeline.submit(number) }
      try pipeline.finish()
    }
    #expect(error?.code == .ioNoRoom)
    try? pipeline.finish(abandoning: true)
  }

  @Test func anAbandonedPipelineEnds() throws {
    let pipeline = OrderedPipeline<Int, Int>(name: "test", width: 2, depth: 4) {
      $0
    } consume: { _ in
    }
    try pipeline.submit(1)
    try pipeline.finish(abandoning: true)
  }

  /// A database that only the work kept open must be closed by then: the process may end next.
  @Test func whatTheWorkHoldsIsLetGoBeforeFinishReturns() throws {
    final class Held: Sendable {}
    func run() throws -> () -> Held? {
      let held = Held()
      let pipeline = OrderedPipeline<Int, Held>(name: "test", width: 2, depth: 4) { _ in
        held
      } consume: { _ in
      }
      for number in 0..<3 { try pipeline.submit(number) }
      try pipeline.finish()
      return { [weak held] in held }
    }
    for _ in 0..<500 { #expect(try run()() == nil) }
  }
}

@Suite struct CancellationTests {
  @Test func theFirstSignalDecides() {
    let cancellation = Cancellation()
    #expect(throws: Never.self) { try cancellation.check() }
    cancellation.cancel(signal: SIGINT)
    cancellation.cancel(signal: SIGTERM)
    #expect((#expect(throws: GoudError.self) { try cancellation.check() })?.code == .interrupted)
  }
}

@Suite struct DigestTests {
  @Test func theDigestOfAStreamIsThatOfItsBytes() {
    var digest = Digest()
    digest.update(Array("a".utf8))
    digest.update(Array("bc".utf8))
    #expect(digest.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(Digest.hex(of: []) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }
}

@Suite struct ErrorCodeTests {
  @Test func corruptionIsNeverRetried() {
    for code in ErrorCode.allCases where code.exitStatus == .corrupt { #expect(!code.retryable, "\(code)") }
  }

  @Test func noErrorEndsWithSuccess() {
    for code in ErrorCode.allCases { #expect(code.exitStatus != .done && code.exitStatus != .warning, "\(code)") }
  }
}

@Suite struct SpoolTests {
  /// Below and above what a spool holds in memory.
  @Test(arguments: [3, 3000])
  func recordsComeBackInBothDirections(_ count: Int) throws {
    try inTemporaryDirectory { scratch in
      let spool = RecordSpool(in: try PrivatePlace.open(unless: scratch))
      let records = (0..<count).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 % 700) }
      let places = try records.map { try spool.append($0) }
      var found: [[UInt8]] = []
      try spool.each { found.append($0) }
      #expect(found == records)
      found = []
      try spool.eachReversed { found.append($0) }
      #expect(found == records.reversed())
      #expect(try spool.record(at: places[1]) == records[1])
      #expect(try FileSystem.names(in: scratch).isEmpty, "what is put aside has no name")
    }
  }

  @Test func entriesTravelThroughARecord() {
    let kinds: [FileEntry.Kind] = [.directory, .file(size: 1 << 40), .link(target: "a/b"), .secondName(of: "e\u{301}")]
    for kind in kinds {
      let entry = FileEntry(
        path: "\u{e9}", kind: kind, mode: 0o6755, owner: .max, group: 1, modified: (-5, 999_999_999),
        attributes: ["user.a": [0, 255], "user.b": []], extents: [0..<5, 1 << 39..<1 << 40])
      var record = RecordWriter()
      entry.write(to: &record)
      var reader = RecordReader(record.bytes)
      #expect(FileEntry(from: &reader) == entry)
    }
  }

  @Test func sumsOfAnySizesEnd() {
    let most = ByteCount(Int64.max)
    #expect(most + most == most && most * 4096 == most && most * -2 == ByteCount(Int64.min))
    #expect(ByteCount(Int64.min) + ByteCount(-1) == ByteCount(Int64.min))
    #expect([most, most].sum == most && !"\(ByteCount(Int64.min))".isEmpty)
  }
}
