import Foundation
import GoudCore
import Layout
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

/// Which backups go, as tables: ages in days, newest first.
@Suite struct RetentionTests {
  private let now = BackupStamp.date("20261123-120000")!

  /// A volume that is known by the identity of its database.
  private static func volume(
    _ name: String = "node1_data", _ identity: String = "A", sequence: UInt64 = 1, proven: Bool = true
  ) -> BackupContents.Volume {
    .init(name: name, proven: proven, databases: [.init(path: "db", identity: identity, sequence: sequence)])
  }

  private static func node(_ name: String, chain: String, _ identity: String, height: Int64 = 1)
    -> BackupContents.Volume
  {
    .init(
      name: name, proven: true, chain: .init(id: chain, height: height),
      databases: [.init(path: "rocksdb", identity: identity, sequence: 1)])
  }

  private func backup(
    _ age: Double, _ state: BackupFacts.State = .verified, _ volumes: [BackupContents.Volume] = [volume()],
    untold: String? = nil, environment: String = "local"
  ) -> BackupFacts {
    BackupFacts(
      path: "/b/\(age)", environment: environment, taken: now.addingTimeInterval(-age * 86400), bytes: ByteCount(1),
      state: state, contents: untold.map { .untold($0) } ?? .told(BackupContents(volumes: volumes)))
  }

  private func decide(_ backups: [BackupFacts], days: Int, now other: Date?) -> [Retention.Decision] {
    Retention(days: days, clock: ClockEvidence(now: other ?? now, moments: backups.map(\.taken))).decide(backups)
  }

  /// The ages of those that go.
  private func gone(_ backups: [BackupFacts], days: Int = 30, now other: Date? = nil) -> [String] {
    decide(backups, days: days, now: other).filter(\.deletes).map { $0.backup.path }
  }

  private func reason(_ backups: [BackupFacts], _ path: String) -> String? {
    decide(backups, days: 30, now: nil).first { $0.backup.path == path }?.reason
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
    #expect(gone([backup(0), backup(40, .broken("cut")), backup(50)]) == ["/b/40.0", "/b/50.0"])
  }

  @Test func whatItHoldsMustBeKnownOrItStays() {
    for state in [BackupFacts.State.verified, .unverified, .broken("cut")] {
      let backups = [backup(0), backup(40, state, untold: "it is sealed")]
      #expect(gone(backups) == [])
      #expect(reason(backups, "/b/40.0")?.contains("what it holds cannot be told: it is sealed") == true)
      #expect(decide(backups, days: 30, now: nil)[1].isStuck)
    }
    #expect(gone([backup(0), backup(40, .verified, [])]) == [], "nothing is not everything")
    #expect(gone([backup(0, .verified, untold: "it is sealed"), backup(40)]) == [], "it stands in for nothing either")
  }

  @Test func anotherDatabaseUnderTheSameNameStandsInForNothing() {
    let backups = [backup(0, .verified, [Self.volume("node1_data", "B")]), backup(40)]
    #expect(gone(backups) == [])
    #expect(reason(backups, "/b/40.0") == "nothing newer of node1_data (database A) is verified")
  }

  @Test func theSameDatabaseUnderAnotherNameStandsIn() {
    #expect(gone([backup(0, .verified, [Self.volume("db", "A")]), backup(40)]) == ["/b/40.0"])
  }

  @Test func aChainFoundedAnewStandsInForNothing() {
    let old = backup(40, .verified, [Self.node("node1_data", chain: "c1", "A")])
    #expect(gone([backup(0, .verified, [Self.node("node1_data", chain: "c2", "B")]), old]) == [])
    #expect(gone([backup(0, .verified, [Self.node("node1_data", chain: "c1", "B")]), old]) == ["/b/40.0"])
    // Another node of the chain has another key.
    #expect(gone([backup(0, .verified, [Self.node("node2_data", chain: "c1", "B")]), old]) == [])
  }

  @Test func whatHasComeLessFarStandsInForNothing() {
    let far = backup(40, .verified, [Self.volume("node1_data", "A", sequence: 900)])
    let backups = [backup(0, .verified, [Self.volume("node1_data", "A", sequence: 100)]), far]
    #expect(gone(backups) == [])
    #expect(reason(backups, "/b/40.0") == "nothing newer of node1_data (database A) has come to 900")
    #expect(gone([backup(0, .verified, [Self.volume("node1_data", "A", sequence: 900)]), far]) == ["/b/40.0"])
    let high = backup(40, .verified, [Self.node("node1_data", chain: "c1", "A", height: 9)])
    #expect(gone([backup(0, .verified, [Self.node("node1_data", chain: "c1", "A", height: 8)]), high]) == [])
  }

  @Test func eachDatabaseKeepsItsNewest() {
    let (one, two) = (Self.volume("node1_data", "A"), Self.volume("node2_data", "B"))
    let whole = backup(40, .verified, [one, two])
    #expect(gone([backup(0, .verified, [one]), whole]) == [])
    #expect(gone([backup(0, .verified, [one]), backup(1, .verified, [two]), whole]) == ["/b/40.0"])
    // Two databases in one volume are two.
    var both = one
    both.databases.append(.init(path: "second", identity: "C", sequence: 1))
    #expect(gone([backup(0, .verified, [one]), backup(40, .verified, [both])]) == [])
  }

  @Test func aDatabaseWithoutIdentityIsKnownByItsPlace() {
    let (one, other) = (Self.volume("a", ""), Self.volume("b", ""))
    #expect(gone([backup(0, .verified, [other]), backup(40, .verified, [one])]) == [])
    #expect(gone([backup(0, .verified, [one]), backup(40, .verified, [one])]) == ["/b/40.0"])
    #expect(gone([backup(0, .verified, [Self.volume("a", "A")]), backup(40, .verified, [one])]) == [])
  }

  @Test func unprovenBackupsDoNotReplaceAProvenOne() {
    let unproven = [Self.volume("node1_data", "A", sequence: 0, proven: false)]
    #expect(gone([backup(0, .verified, unproven), backup(40), backup(50)]) == ["/b/50.0"])
    #expect(gone([backup(0, .verified, unproven), backup(40, .verified, unproven)]) == ["/b/40.0"])
  }

  /// That something else in the archive is proven is no help.
  @Test func provenIsAskedOfEachVolume() {
    let (v1, v2) = (Self.volume("v1", "A"), Self.volume("v2", "B"))
    let backups = [
      backup(0, .verified, [Self.volume("v1", "A", sequence: 0, proven: false)]), backup(1, .verified, [v2]),
      backup(40, .verified, [v1, v2]),
    ]
    #expect(gone(backups) == [])
    #expect(reason(backups, "/b/40.0") == "nothing newer of v1 (database A) is proven")
    #expect(
      gone([backup(0, .verified, [v1]), backup(1, .verified, [v2]), backup(40, .verified, [v1, v2])]) == ["/b/40.0"])
  }

  @Test func environmentsDoNotStandInForEachOther() {
    #expect(gone([backup(0, environment: "gcp"), backup(40)]) == [])
  }

  @Test func backupsFromTheFutureNeitherGoNorStandIn() {
    #expect(gone([backup(-3), backup(40), backup(50)]) == ["/b/50.0"])
    #expect(gone([backup(-3000), backup(40)]) == [])
    // Another machine's clock is some minutes ahead.
    #expect(gone([backup(-0.002), backup(40)]) == ["/b/40.0"])
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

  /// What a decision leans on is what it is told to lean on: the proven one, not the newest.
  @Test func aDecisionNamesWhatItLeansOn() {
    let unproven = [Self.volume("node1_data", "A", sequence: 0, proven: false)]
    let decisions = decide([backup(0, .verified, unproven), backup(10), backup(40)], days: 30, now: nil)
    #expect(decisions[2].leansOn == ["/b/10.0"])
  }

  /// Whatever was made, under whatever clock: of all that was verified, something that stands in for it is still there.
  @Test(arguments: 1...200) func ofEverythingThatWasVerifiedSomethingStays(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var (shelf, made): ([BackupFacts], [BackupFacts]) = ([], [])
    var (clock, sequence) = (now, UInt64(1))
    for step in 0..<60 {
      clock += Double.random(in: 0.1...3, using: &random) * 86400
      if Int.random(in: 0..<20, using: &random) == 0 { clock += Double.random(in: -500...900, using: &random) * 86400 }
      sequence += 1
      let volumes = (0..<Int.random(in: 1...3, using: &random)).map { index in
        Self.volume(
          "v\(index)", ["A", "B", "C", ""].randomElement(using: &random)!, sequence: sequence,
          proven: Int.random(in: 0..<4, using: &random) > 0)
      }
      var archive = backup(
        0, [.verified, .verified, .unverified, .broken("cut")].randomElement(using: &random)!, volumes)
      if Int.random(in: 0..<8, using: &random) == 0 { archive.contents = .untold("sealed") }
      (archive.path, archive.taken) = ("/b/\(step)", clock)
      shelf.append(archive)
      made.append(archive)
      let decisions = decide(shelf, days: 7, now: clock)
      shelf = decisions.filter { !$0.deletes }.map(\.backup)
      for deleted in decisions.filter(\.deletes) {
        #expect(deleted.leansOn.isSubset(of: Set(shelf.map(\.path))), "seed \(seed)")
      }
    }
    let kept = shelf.filter { $0.state == .verified }.flatMap(\.holdings)
    for backup in made {
      guard case .told = backup.contents else {
        #expect(shelf.contains(backup), "seed \(seed): \(backup.path) went untold")
        continue
      }
      guard backup.state == .verified else { continue }
      for holding in backup.holdings {
        #expect(kept.contains { $0.standsIn(for: holding) }, "seed \(seed): nothing stands in for \(holding.label)")
      }
    }
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

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
