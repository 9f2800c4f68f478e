import Foundation
import GoudCore
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

@Suite struct BackupRecordTests {
  private let day = Date(timeIntervalSince1970: 1_700_000_000)

  private func run(_ home: String, dayNumber: Double, _ fault: GoudError? = nil, incomplete: String? = nil) throws {
    let now = day.addingTimeInterval(dayNumber * 86_400)
    do {
      try BackupRecord.keeping(home: home, now: now) {
        if let fault { throw fault }
        return ((), "/b/a.tar.gz", 42, incomplete, nil)
      }
    } catch {}
  }

  @Test func aGoodRunIsRemembered() throws {
    try inTemporaryDirectory { home in
      #expect(BackupRecord.read(home: home) == nil)
      try run(home, dayNumber: 0)
      let record = try #require(BackupRecord.read(home: home))
      #expect(record.last.result == .good && record.lastGood == record.last && record.last.bytes == 42)
      #expect(record.finding.level == .ok)
    }
  }

  @Test func aFailureWarnsAndFailuresOnTwoDaysAreCritical() throws {
    try inTemporaryDirectory { home in
      let fault = GoudError(.ioNoRoom, "no room")
      try run(home, dayNumber: 0)
      try run(home, dayNumber: 1, fault)
      try run(home, dayNumber: 1.01, fault)
      let once = try #require(BackupRecord.read(home: home))
      #expect(once.last.result == .failed && once.last.code == "io.no-room" && once.failedDays.count == 1)
      #expect(once.lastGood?.began == day && once.finding.level == .warning)
      try run(home, dayNumber: 2, incomplete: "node2_data: its chain disagrees")
      let twice = try #require(BackupRecord.read(home: home))
      #expect(twice.last.result == .incomplete && twice.failedDays.count == 2 && twice.finding.level == .critical)
      try run(home, dayNumber: 3)
      #expect(BackupRecord.read(home: home)?.failedDays == [])
    }
  }

  private func running(_ home: String, dayNumber: Double) throws -> String {
    let path = "\(home)/.goud-run-r000000000000001"
    let began = day.addingTimeInterval(dayNumber * 86_400).ISO8601Format()
    try Data(#"{"began": "\#(began)", "result": "running", "seconds": 0}"#.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// Whatever its number was: only its lock tells.
  @Test func aRunThatWasKilledHasFailed() throws {
    try inTemporaryDirectory { home in
      try run(home, dayNumber: 0)
      let path = try running(home, dayNumber: 1)
      let seen = try #require(BackupRecord.read(home: home))
      #expect(seen.last.result == .failed && seen.last.code == "run.killed" && seen.lastGood?.began == day)
      try run(home, dayNumber: 2, GoudError(.ioNoRoom, "no room"))
      #expect(BackupRecord.read(home: home)?.failedDays.count == 2)
      #expect(try FileSystem.status(path) == nil, "it is in the record now")
    }
  }

  @Test func aRunOfAnEarlierVersionThatWasKilledHasFailed() throws {
    try inTemporaryDirectory { home in
      try run(home, dayNumber: 0)
      let path = "\(home)/backup-runs.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
        .replacingOccurrences(of: #""last" : {"#, with: #""pid" : 1, "last" : {"#)
        .replacingOccurrences(of: #""result" : "good""#, with: #""result" : "running""#)
      try AtomicFile.write(Array(text.utf8), to: path)
      #expect(BackupRecord.read(home: home)?.last.result == .failed)
    }
  }

  @Test func ofTwoRunsAtOnceBothResultsStay() throws {
    try inTemporaryDirectory { home in
      try BackupRecord.keeping(home: home, now: day) {
        try run(home, dayNumber: 1, GoudError(.ioNoRoom, "no room"))
        return ((), "/b/a.tar.gz", 42, nil, nil)
      }
      let record = try #require(BackupRecord.read(home: home))
      #expect(record.last.code == "io.no-room" && record.lastGood?.archive == "/b/a.tar.gz")
      #expect(record.failedDays.count == 1)
      #expect(try FileSystem.names(in: home).sorted() == [".backup-runs.lock", "backup-runs.json"])
    }
  }

  @Test func aRunThatGoesOnIsNoFailure() throws {
    try inTemporaryDirectory { home in
      try BackupRecord.keeping(home: home) {
        let seen = try #require(BackupRecord.read(home: home))
        #expect(seen.last.result == .running && seen.finding.level == .ok)
        return ((), "/b/a.tar.gz", 1, nil, nil)
      }
    }
  }
}
