import Archive
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Volumes

/// Which backup is the newest that counts.
@Suite struct RecoveryPointsTests {
  private let now = BackupStamp.date("20261123-120000")!

  private func metadata(_ age: Double, _ volumes: [String], environment: String, unproven: [String]) -> BackupMetadata {
    BackupMetadata(
      name: "", environment: environment, timestamp: now.addingTimeInterval(-age * 86400), host: "", toolVersion: "",
      volumes: volumes.map { .init(name: $0, files: 1, bytes: 1, databases: [], unproven: unproven) })
  }

  private func backup(
    _ age: Double, _ volumes: [String] = ["node1_data"], environment: String = "local", unproven: [String] = [],
    readable: Bool = true, damaged: Bool = false, complete: Bool = true, sealed: Bool = false
  ) -> BackupCatalog.Backup {
    let stamp = BackupStamp.text(now.addingTimeInterval(-age * 86400))
    let path = "/b/goud-chain-backup-\(environment)-\(stamp).tar.gz\(sealed ? ".age" : "")"
    let metadata = metadata(age, volumes, environment: environment, unproven: unproven)
    let finding: VerificationRecord.Finding =
      damaged ? .damaged : .sealed(ArchiveDigest(bytes: 1, sha256: ""), metadata)
    return BackupCatalog.Backup(
      path: path, bytes: 1, metadata: readable && !sealed ? metadata : nil,
      record: VerificationRecord(FileSystem.name(of: path), bytes: 1, finding, now: now), hasChecksum: complete)
  }

  /// The metadata says whole seconds; the second one's name has the next.
  @Test func ofTwoBackupsOfOneSecondTheLaterIsTheNewest() {
    let metadata = metadata(1, ["node1_data"], environment: "local", unproven: [])
    let backups = [17, 15, 16].map { second in
      BackupCatalog.Backup(
        path: "/b/goud-chain-backup-local-20261122-1200\(second).tar.gz", bytes: 1, metadata: metadata, record: nil,
        hasChecksum: true)
    }
    #expect(points(backups.newestFirst()).backups.map(\.path) == [0, 2, 1].map { backups[$0].path })
  }

  private func points(
    _ backups: [BackupCatalog.Backup], _ states: Set<BackupCatalog.Backup.State> = [.complete]
  ) -> RecoveryPoints {
    RecoveryPoints(backups, of: "local", counting: states, now: now)
  }

  @Test func whatIsLaterThanNowCountsForNothingAndIsNamed() {
    let (future, newest) = (backup(-3000), backup(1))
    let found = points([future, newest, backup(2)])
    #expect(found.newest()?.path == newest.path && found.ahead.map(\.path) == [future.path])
    #expect(points([future]).newest() == nil)
    // The clock of another machine is some minutes ahead.
    #expect(points([backup(-0.003)]).newest() != nil)
  }

  @Test func whatCannotBeRestoredIsPassedOverAndNamed() {
    let worse = [
      backup(1, readable: false), backup(2, damaged: true), backup(3, complete: false), backup(4, sealed: true),
      backup(5, unproven: ["why"]),
    ]
    let found = points([backup(0.5, environment: "gcp")] + worse + [backup(6), backup(7, damaged: true)])
    #expect(found.newest()?.path == backup(6).path)
    #expect(found.passedOver.map(\.path) == worse.map(\.path))
    #expect(points(worse, [.complete, .sealed]).newest()?.path == worse[3].path)
    #expect(points(worse, [.complete, .unproven]).newest()?.path == worse[4].path)
  }

  @Test func theNewestIsAskedForAVolume() {
    let backups = [backup(1, ["node2_data"]), backup(2, ["node1_data"], sealed: true), backup(3, ["node1_data"])]
    #expect(points(backups).newest(of: "node1")?.path == backups[2].path)
    #expect(points(backups).newest(of: "node2_data")?.path == backups[0].path)
    #expect(points(backups).newest(of: "node3") == nil)
    // What a record says of a sealed one counts.
    let last = LastBackup(of: "node1_data", in: points(backups, [.complete, .sealed]))
    #expect(last?.archive == backups[1].path && last?.unproven == [])
    let unproven = [backup(1, unproven: ["why"])]
    #expect(LastBackup(of: "node1_data", in: points(unproven, [.unproven]))?.unproven == ["why"])
  }

  /// One that cannot be looked at does not hide the others.
  @Test func aDirectoryIsListedWhateverLiesInIt() throws {
    try inTemporaryDirectory { root in
      for name in ["a.tar.gz", "goud-chain-backup-local-20260101-000000.tar", "notes.txt", ".hidden.tar"] {
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(root)/\(name)"))
      }
      try FileManager.default.createDirectory(atPath: "\(root)/b.tar.zst", withIntermediateDirectories: true)
      let found = try BackupCatalog(directory: root).list()
      #expect(found.count == 3 && found.allSatisfy { $0.state == .unreadable })
      #expect(points(found).newest() == nil)
    }
  }
}
