import Foundation
import GoudCore
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

/// Which backups go, as tables: ages in days, newest first.
@Suite struct RetentionTests {
  private let now = BackupStamp.date("20261123-120000")!

  private func backup(
    _ age: Double, _ state: BackupFacts.State = .verified(proven: true), _ volumes: [String] = ["node1_data"],
    environment: String = "local"
  ) -> BackupFacts {
    BackupFacts(
      path: "/b/\(age)", environment: environment, taken: now.addingTimeInterval(-age * 86400), bytes: ByteCount(1),
      state: state, volumes: volumes)
  }

  /// The ages of those that go.
  private func gone(_ backups: [BackupFacts], days: Int = 30, now other: Date? = nil) -> [String] {
    Retention(days: days, now: other ?? now).decide(backups).filter(\.deletes).map { $0.backup.path }
  }

  @Test func expiredBackupsGoAndOthersStay() {
    #expect(
      gone([backup(0), backup(29.9), backup(30), backup(31), backup(400)]) == ["/b/30.0", "/b/31.0", "/b/400.0"])
    #expect(gone([backup(0), backup(2)], days: 1) == ["/b/2.0"])
    #expect(gone([]) == [])
  }

  @Test func theNewestVerifiedBackupNeverGoes() {
    #expect(gone([backup(40), backup(50)]) == ["/b/50.0"])
    #expect(gone([backup(4000)]) == [])
  }

  @Test func unverifiedBackupsStandInForNothing() {
    #expect(gone([backup(0, .unverified), backup(40), backup(50)]) == ["/b/50.0"])
    #expect(gone([backup(0, .unverified), backup(40, .unverified)]) == [])
  }

  @Test func brokenBackupsStandInForNothing() {
    #expect(gone([backup(0, .broken("found damaged")), backup(40)]) == [])
    #expect(gone([backup(0), backup(40, .broken("cut"), []), backup(50)]) == ["/b/40.0", "/b/50.0"])
    #expect(gone([backup(40, .broken("cut"), [])]) == [])
  }

  @Test func eachVolumeKeepsItsNewest() {
    let part = backup(0, .verified(proven: true), ["node1_data"])
    let whole = backup(40, .verified(proven: true), ["node1_data", "node2_data"])
    #expect(gone([part, whole]) == [])
    #expect(gone([part, backup(1, .verified(proven: true), ["node2_data"]), whole]) == ["/b/40.0"])
  }

  @Test func unprovenBackupsDoNotReplaceAProvenOne() {
    #expect(gone([backup(0, .verified(proven: false)), backup(40), backup(50)]) == ["/b/50.0"])
    #expect(gone([backup(0, .verified(proven: false)), backup(40, .verified(proven: false))]) == ["/b/40.0"])
  }

  @Test func environmentsDoNotStandInForEachOther() {
    #expect(gone([backup(0, environment: "gcp"), backup(40)]) == [])
  }

  @Test func backupsFromTheFutureNeitherGoNorStandIn() {
    #expect(gone([backup(-3), backup(40), backup(50)]) == ["/b/50.0"])
    #expect(gone([backup(-3000), backup(40)]) == [])
  }

  @Test(arguments: ["19700101-000000", "20260101-000000", "20371123-120000", "20991231-000000"])
  func anImpossibleClockDeletesNothing(clock: String) {
    let moment = BackupStamp.date(clock)!
    var backups = [backup(1), backup(40), backup(50)]
    #expect(gone(backups, now: moment) == [])
    // Nor when a backup has just been made under it.
    backups.append(backup(0))
    backups[3].taken = moment
    #expect(gone(backups, now: moment) == [])
  }

  @Test(arguments: [
    ("goud-chain-backup-local-20261123-120000.tar.gz", "local"),
    ("goud-chain-backup-gcp-eu-20261123-120000.tar", "gcp-eu"),
    ("goud-chain-backup-a-20261123-120000.tar.zst", "a"),
  ])
  func ourNamesAreRead(name: String, environment: String) {
    #expect(BackupName(file: name)?.environment == environment)
    #expect(BackupName(file: name)?.moment == now)
  }

  @Test(arguments: [
    "goud-chain-backup-local-20261123-120000.tar.gz.sha256", "goud-chain-backup-local-20261323-120000.tar.gz",
    "goud-chain-backup-20261123-120000.tar.gz", "goud-chain-backup--20261123-120000.tar.gz", "holiday.tar.gz",
    "goud-chain-backup-local-20261123-1200.tar.gz", "goud-chain-backup-local-20261123-120000.zip",
    ".goud-chain-backup-local-20261123-120000.tar.gz", "goud-chain-backup-local20261123-120000.tar.gz",
  ])
  func foreignNamesAreNotOurs(name: String) { #expect(BackupName(file: name) == nil) }

  @Test(arguments: ["20261123-120000", "20261123-120000-2", "20261123-120000-10"])
  func safetyCopiesAreKnownByTheirStamp(stamp: String) throws {
    #expect(SafetyCopy(place: try VolumePlace("/srv/x"), stamp: stamp)?.moment == now)
  }

  @Test(arguments: ["20261123", "20261123-12000x", "20261123-120000-", "20261123-120000-1", "20261123-120000x2", "old"])
  func whatHasNoStampIsNoSafetyCopy(stamp: String) throws {
    #expect(SafetyCopy(place: try VolumePlace("/srv/x"), stamp: stamp) == nil)
  }
}
