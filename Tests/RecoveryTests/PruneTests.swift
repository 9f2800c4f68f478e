import Archive
import BlobStore
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

/// Prune over real archives.
@Suite struct PruneTests {
  private func with(_ body: (PruneFixture) throws -> Void) throws {
    try inTemporaryDirectory { root in try body(PruneFixture(root)) }
  }

  @Test func whatExpiredGoesAndTheRecordTellsWhatItWas() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      let new = try fixture.archive(1)
      let record = try #require(try VerificationRecord.read(of: new))
      #expect(record.contents?.volumes.map(\.name) == ["v"])
      #expect(record.contents?.volumes.first?.databases.first?.identity.isEmpty == false)
      let report = try fixture.prune()
      #expect(report.gone == [old] && report.problems.isEmpty)
      #expect(try fixture.archives() == [new])
    }
  }

  /// The directory's second host, or a chain founded anew.
  @Test func theNewerBackupOfAnotherDatabaseDoesNotCostTheOldOne() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/v")
      try fixture.archive(1)
      #expect(try fixture.prune().gone == [])
      #expect(try fixture.archives().contains(old))
    }
  }

  /// Records that Goud wrote before they said what an archive holds.
  @Test func anOlderRecordIsNoReasonToGuess() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      try fixture.change(old) { $0.contents = nil }
      let new = try fixture.archive(1)
      try fixture.change(new) { $0.contents = nil }
      #expect(try fixture.prune().gone == [old])
    }
  }

  @Test func aSealedArchiveWithoutARecordOfItsContentsStays() async throws {
    let keys = try await Programs.run("age-keygen", []).output
    let recipient = String(try #require(keys.firstMatch(of: /age1[0-9a-z]+/)).output)
    try with { fixture in
      let (bare, old) = (try fixture.archive(60, recipient: recipient), try fixture.archive(50, recipient: recipient))
      let told = try fixture.archive(40, recipient: recipient)
      try FileManager.default.removeItem(atPath: "\(bare).verified.json")
      try fixture.change(old) { $0.contents = nil }
      let new = try fixture.archive(1)
      let report = try fixture.prune()
      #expect(report.gone == [told])
      #expect(report.backups.filter(\.stuck).map(\.path) == [old, bare])
      #expect(report.reason(bare)?.contains("it is sealed") == true)
      #expect(try fixture.archives() == [bare, old, new])
    }
  }

  @Test func anArchiveWithoutReadableMetadataStays() throws {
    try with { fixture in
      let cut = try fixture.archive(50)
      truncate(cut, 100)
      let old = try fixture.archive(40)
      let new = try fixture.archive(1)
      #expect(try fixture.prune().gone == [old])
      #expect(try fixture.archives() == [cut, new])
    }
  }

  /// However fresh the record is.
  @Test func whatADeletionLeansOnIsReadByTheRunThatDeletes() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      let new = try fixture.archive(1)
      try fixture.damage(new)
      try fixture.change(new) { $0.verified = fixture.now }
      let report = try fixture.prune()
      #expect(report.gone == [] && report.reason(old)?.contains("nothing newer") == true)
      #expect(try VerificationRecord.read(of: new)?.passed == false)
    }
  }

  /// What the record claims of the contents is not what the archive holds.
  @Test func aRecordThatClaimsMoreThanTheArchiveHoldsIsFoundOut() throws {
    try with { fixture in
      let old = try fixture.archive(40, ["v", "w"])
      let claims = try #require(try VerificationRecord.read(of: old)).contents
      let new = try fixture.archive(1, ["v"])
      try fixture.change(new) { $0.contents = claims }
      #expect(try fixture.prune { $0.dryRun = true }.gone == [old])
      #expect(try fixture.prune().gone == [])
    }
  }

  /// The newest verified one is unproven; it is the proven one that counts, and that is read.
  @Test func theProvenBackupIsReadNotTheNewest() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      let proven = try fixture.archive(20)
      let newest = try fixture.archive(1)
      try fixture.change(newest) { $0.contents?.volumes[0].proven = false }
      try fixture.damage(proven)
      // It is told from the record, since nothing leans on it.
      let report = try fixture.prune()
      #expect(!report.gone.contains(old), "\(report)")
      #expect(try VerificationRecord.read(of: proven)?.passed == false)
    }
  }

  /// On a full disk or in a directory of others nothing can be noted: the answer is the same each time it is asked.
  @Test func aPruneEndsWhenAFindingCannotBeKept() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      let new = try fixture.archive(1)
      try fixture.damage(new)
      let stubborn = StubbornShelf(shelf: BackupShelf(directory: fixture.backups, environment: "local"))
      let report = try Prune(fixture.request()).run(stubborn)
      #expect(report.gone == [] && report.problems.map(\.code) == [.ioNoRoom])
      #expect(try fixture.archives() == [old, new])
    }
  }

  @Test func oneArchiveThatCannotBeDeletedDoesNotKeepTheOthers() throws {
    try with { fixture in
      let (odd, old) = (try fixture.archive(50), try fixture.archive(40))
      let new = try fixture.archive(1)
      try FileManager.default.removeItem(atPath: "\(odd).verified.json")
      try FileManager.default.createDirectory(atPath: "\(odd).verified.json/x", withIntermediateDirectories: true)
      let report = try fixture.prune()
      #expect(report.gone.contains(old) && report.problems.map(\.path) == [odd])
      #expect(failure { try report.refuseProblems() }?.code == .someFailed)
      #expect(try fixture.archives() == [new])
    }
  }

  @Test func whatIsNoFileUnderAnArchivesNameIsNamed() throws {
    try with { fixture in
      let odd = "\(fixture.backups)/goud-chain-backup-local-20260101-000000.tar.gz"
      try FileManager.default.createDirectory(atPath: odd, withIntermediateDirectories: true)
      let old = try fixture.archive(40)
      try fixture.archive(1)
      let report = try fixture.prune()
      #expect(report.gone == [old] && report.reason(odd)?.contains("not a file") == true)
    }
  }

  // MARK: Stores

  @Test func aStoreIsPrunedByTheSameRules() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      try fixture.archive(1)
      let store = DirectoryStore(fixture.backups)
      try record(in: store)
      let report = try fixture.prune { $0.store = store }
      #expect(report.gone == [old], "\(report)")
    }
  }

  /// Unreadable for the moment is not empty, and not a reason to leave the others.
  @Test(arguments: ["", ".verified.json"])
  func whatAStoreDoesNotAnswerForStaysAndIsReported(suffix: String) throws {
    try with { fixture in
      let (silent, old) = (try fixture.archive(50), try fixture.archive(40))
      try fixture.archive(1)
      let store = DirectoryStore(fixture.backups)
      try record(in: store)
      if suffix.isEmpty { try store.delete("\(FileSystem.name(of: silent)).verified.json") }
      let failing = FaultyStore(store, withoutAnswerFor: [FileSystem.name(of: silent) + suffix])
      let report = try fixture.prune { $0.store = failing }
      #expect(report.gone == [old], "\(report)")
      #expect(report.problems.map(\.code) == [.blobUnreachable] && report.problems.map(\.path) == [silent])
    }
  }

  @Test func whatAStoreDoesNotGiveBackStandsInForNothing() throws {
    try with { fixture in
      try fixture.archive(40)
      let new = try fixture.archive(1)
      let store = DirectoryStore(fixture.backups)
      try record(in: store)
      let failing = FaultyStore(store, withoutAnswerFor: [FileSystem.name(of: new)])
      let report = try fixture.prune { $0.store = failing }
      #expect(report.gone == [] && report.problems.map(\.path) == [new], "\(report)")
    }
  }

  /// Makes the records of the files records of objects.
  private func record(in store: DirectoryStore) throws {
    for blob in try store.list() where BackupName.isArchive(blob.name) {
      let url = URL(fileURLWithPath: "\(store.location)/\(blob.name).verified.json")
      var record = try #require(VerificationRecord.decoded(Array(try Data(contentsOf: url))))
      record.object = blob.modified
      try Data(try record.encoded()).write(to: url)
    }
  }

  // MARK: Clocks

  @Test(arguments: [400.0, 3650, 36500])
  func aClockThatJumpedDeletesNothingUntilItIsConfirmed(days: Double) throws {
    try with { fixture in
      for age in [3.0, 2, 1] { try fixture.archive(age) }
      let jumped = try fixture.archive(-days)
      let before = try fixture.archives()
      let later = fixture.now.addingTimeInterval(days * 86400 + 60)
      let report = try fixture.prune { $0.now = later }
      #expect(report.gone == [] && report.doubt != nil && report.problems.isEmpty)
      // Nor a week later, when backups have gone on under it.
      for day in 1...7 { try fixture.archive(-days - Double(day)) }
      #expect(try fixture.prune { $0.now = later.addingTimeInterval(7 * 86400) }.gone == [])
      #expect(try fixture.archives().isSuperset(of: before))
      let confirmed = try fixture.prune {
        ($0.now, $0.clockIsConfirmed) = (later.addingTimeInterval(7 * 86400), true)
      }
      #expect(confirmed.gone == before.subtracting([jumped]))
    }
  }

  @Test func theClockOfTheFilesIsAsked() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      try fixture.archive(1)
      let (now, other) = (fixture.now, fixture.now.addingTimeInterval(-100 * 86400))
      #expect(try fixture.prune { $0.fileClock = { _ in other } }.gone == [])
      #expect(try fixture.prune { $0.fileClock = { _ in now } }.gone == [old])
      let asked = try #require(FileSystem.clock(of: fixture.backups))
      #expect(abs(asked.timeIntervalSinceNow) < 86400)
    }
  }

  @Test func theNewestSafetyCopySurvivesAJump() throws {
    try with { fixture in
      for age in [3.0, 2, 1] { try fixture.archive(age) }
      try fixture.archive(-400)
      let stamp = BackupStamp.text(fixture.now.addingTimeInterval(-1.5 * 86400))
      let copy = "\(fixture.volumes)/.v.replaced-\(stamp)"
      try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
      for days in [400.0, 401] {
        let report = try fixture.prune { $0.now = fixture.now.addingTimeInterval(days * 86400 + 60) }
        #expect(report.gone == [] && report.safetyCopies.map(\.path) == [copy])
        try fixture.archive(-days - 1)
      }
      let later = fixture.now.addingTimeInterval(403 * 86400)
      #expect(try fixture.prune { ($0.now, $0.clockIsConfirmed) = (later, true) }.gone.contains(copy))
    }
  }

  // MARK: Volumes

  @Test func oneOddDirectoryAmongTheVolumesStopsNothing() throws {
    try with { fixture in
      let old = try fixture.archive(40)
      try fixture.archive(1)
      let stamp = BackupStamp.text(fixture.now.addingTimeInterval(-20 * 86400))
      let (copy, odd) = ("\(fixture.volumes)/.v.replaced-\(stamp)", "\(fixture.volumes)/.odd.replaced-\(stamp)")
      for path in [copy, odd, "\(fixture.volumes)/odd"] {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      }
      try Data("x".utf8).write(to: URL(fileURLWithPath: "\(fixture.volumes)/odd/notes"))
      // A link to nowhere has a safety copy as well.
      let lost = "\(fixture.volumes)/lost"
      try FileManager.default.createSymbolicLink(atPath: lost, withDestinationPath: "/nowhere")
      try FileManager.default.createDirectory(
        atPath: "\(fixture.volumes)/.lost.replaced-\(stamp)", withIntermediateDirectories: true)
      let report = try fixture.prune()
      #expect(report.gone == [old, copy], "\(report)")
      #expect(Set(report.problems.map(\.path)) == [odd, lost])
    }
  }
}

/// A directory in which no finding can be kept.
private struct StubbornShelf: Shelf {
  let shelf: BackupShelf

  func archives() throws -> [BackupFacts] { try shelf.archives() }
  func look(_ archive: BackupFacts) throws -> BackupFacts { try shelf.look(archive) }
  func read(_ archive: BackupFacts, _ request: PruneRequest) throws -> Reading { try shelf.read(archive, request) }
  func delete(_ archive: String) throws { try shelf.delete(archive) }
  func orphans(now: Date) throws -> [String] { try shelf.orphans(now: now) }
  func removeOrphan(_ path: String) throws { try shelf.removeOrphan(path) }

  func note(_ finding: VerificationRecord.Finding, of archive: String, now: Date) throws {
    throw GoudError(.ioNoRoom, "no room")
  }
}
