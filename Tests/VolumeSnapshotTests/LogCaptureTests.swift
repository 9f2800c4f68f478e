import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

/// Copies of logs are kept from one look to the next, and every change of a log is seen.
@Suite struct LogCaptureTests {
  private func capture(_ path: String, _ scratch: String) throws -> (LogCapture, UntrustedDirectory) {
    (LogCapture(scratch: try Scratch(SnapshotOptions(scratch: scratch))), try UntrustedDirectory(root: path))
  }

  @Test func aFurtherLookCopiesOnlyWhatWasAdded() throws {
    try inTemporaryDirectory { scratch in
      let database = try RawDatabase("\(scratch)/db")
      for number in 0..<4 { try database.put("closed\(number)", bytes: 1 << 20) }
      try database.flush(family: 1)
      try database.put("other", family: 1)
      try database.flush(family: 1)
      for number in 0..<4 { try database.put("newest\(number)", bytes: 1 << 20) }
      var (capture, place) = try capture("\(scratch)/db", scratch)
      let first = try #require(try capture.look(in: place, Cancellation()))
      let copied = capture.copied
      #expect(first.count == 2 && copied > 8 << 20)
      for round in 0..<3 {
        try database.put("added\(round)", bytes: 100_000)
        let logs = try #require(try capture.look(in: place, Cancellation()))
        #expect(try capture.isUnchanged(logs, in: place))
        for log in logs {
          #expect(try log.copy.readAll() == log.source.readAll())
          #expect(log.scan.end == log.size && log.scan.fault == nil)
        }
      }
      // A block of each log, and what was added.
      #expect(capture.copied - copied < 3 * (100_100 + 2 * Int64(LogPiece.blockSize)))
    }
  }

  @Test func aLogThatIsAnotherFileIsCopiedAnew() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      var (capture, place) = try capture(volume.path, scratch)
      let before = try #require(try capture.look(in: place, Cancellation()))
      let (oldest, newest) = (volume.oldest, try volume.bytes(of: volume.newest))
      try FileManager.default.removeItem(atPath: oldest)
      try Data(newest).write(to: URL(fileURLWithPath: oldest))
      #expect(try !capture.isUnchanged(before, in: place))
      let after = try #require(try capture.look(in: place, Cancellation()))
      #expect(try after[0].copy.readAll() == newest)
      try FileManager.default.removeItem(atPath: oldest)
      #expect(try !capture.isUnchanged(after, in: place))
      #expect(try capture.look(in: place, Cancellation())?.count == 1)
    }
  }

  /// The newest log may grow; an older one that does was copied too early, and what follows it would leave a gap.
  @Test func onlyTheNewestLogMayBeGivenAnotherRecord() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      var (capture, place) = try capture(volume.path, scratch)
      let logs = try #require(try capture.look(in: place, Cancellation()))
      let (oldest, newest) = (try volume.bytes(of: volume.oldest), try volume.bytes(of: volume.newest))
      try append(newest, to: volume.newest)
      #expect(try capture.isUnchanged(logs, in: place))
      try append(oldest, to: volume.oldest)
      #expect(try !capture.isUnchanged(logs, in: place))
    }
  }

  /// A recycled log is overwritten in place: neither its size nor, within a tick of the clock, its times tell.
  @Test func aRecordWrittenOverWhatARecycledLogHeldIsSeen() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.oldest)
      let end = LoggedVolume.lastRecord(whole)
      let rest = [UInt8](repeating: 0xa5, count: whole.count - end)
      try volume.cut(volume.oldest, to: whole.count, of: Array(whole[..<end]) + rest)
      var (capture, place) = try capture(volume.path, scratch)
      let logs = try #require(try capture.look(in: place, Cancellation()))
      #expect(logs[0].scan.end == end)
      #expect(try capture.isUnchanged(logs, in: place))
      let file = try Descriptor.open(volume.oldest, O_WRONLY)
      try whole[end...].withUnsafeBytes { try file.write($0, at: Int64(end)) }
      #expect(try !capture.isUnchanged(logs, in: place))
      let again = try #require(try capture.look(in: place, Cancellation()))
      #expect(again[0].scan.records == 3 && again[0].scan.end == whole.count)
    }
  }

  /// A look into the middle of a write finds a fault; the next one reads on from before it.
  @Test func aFaultIsLookedAtAnewEachTime() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened, newestBytes: 200_000)
      let whole = try volume.bytes(of: volume.newest)
      var (capture, place) = try capture(volume.path, scratch)
      let file = try Descriptor.open(volume.newest, O_WRONLY)
      try [UInt8](repeating: 0, count: 4096).withUnsafeBytes { try file.write($0, at: 65536) }
      #expect(try capture.look(in: place, Cancellation())?.last?.scan.fault?.piecesBehind ?? 0 > 0)
      try whole.withUnsafeBytes { try file.write($0, at: 0) }
      let healed = try #require(try capture.look(in: place, Cancellation())?.last)
      #expect(healed.scan.fault == nil && healed.scan.records == 2)
      #expect(try healed.copy.readAll() == whole)
    }
  }

  private func append(_ bytes: [UInt8], to path: String) throws {
    try Descriptor.open(path, O_WRONLY | O_APPEND).write(bytes)
  }
}
