import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Volumes

/// The decisions, from facts that no disk has to show.
@Suite struct VolumeCheckTests {
  private func facts(_ change: (inout VolumeFacts) -> Void = { _ in }) -> VolumeFacts {
    let room = Room(total: ByteCount(1000), free: ByteCount(900), available: ByteCount(900))
    var facts = VolumeFacts(
      volume: "node1_data", owner: 1000, fileSystem: room, bytes: ByteCount(100), backupDirectory: "/backups",
      backupRoom: room, backing: VolumeBacking(driver: .local, fileSystem: "ext4", mountPoint: "/"),
      databases: [.init(path: "rocksdb", tables: 3)],
      secrets: [.init(path: "jwt_secret", mode: 0o600, owner: 1000)], leftovers: [], restoreRunning: false,
      lastBackup: nil, now: Date(timeIntervalSince1970: 1_000_000))
    change(&facts)
    return facts
  }

  private func level(
    _ check: Finding.Check, _ thresholds: CheckThresholds = CheckThresholds(),
    _ change: (inout VolumeFacts) -> Void = { _ in }
  ) -> Finding.Level? {
    VolumeCheck(thresholds).findings(facts(change)).filter { $0.check == check }.map(\.level).max()
  }

  @Test func aCloudsVolumeWhoseDiskNobodyNamedIsAWarning() {
    func backing(_ id: String?) -> VolumeBacking {
      VolumeBacking(driver: .amazonDisk, providerId: id, fileSystem: "xfs", mountPoint: "/srv")
    }
    #expect(level(.driver) { $0.backing = backing(nil) } == .warning)
    #expect(level(.driver) { $0.backing = backing("vol-1") } == .ok)
  }

  @Test func aRestoreThatWouldBeRefusedIsAWarningToday() {
    #expect(level(.restore) == .ok)
    #expect(level(.restore) { $0.restorePlace.isMountPoint = true } == .ok)
    #expect(level(.restore) { $0.restorePlace.mountsInside = ["/srv/node1_data/deeper"] } == .warning)
    #expect(level(.restore) { $0.restorePlace.isWritable = false } == .warning)
    #expect(level(.restore) { $0.bytes = ByteCount(900) } == .ok)
    #expect(level(.restore) { $0.bytes = ByteCount(901) } == .warning)
  }

  @Test func whatIsMountedInAVolumeIsSeen() async throws {
    try await withTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let plain = try RestorePlace(of: volume)
      #expect(!plain.isMountPoint && plain.isWritable && plain.mountsInside.isEmpty)
      try await Mounts.bind("\(root)/other", at: "\(volume.path)/deeper \\ down") { deeper in
        let (place, facts) = (try RestorePlace(of: volume), try fixture.inspector.facts(volume))
        #expect(place.mountsInside == [deeper] && facts.restorePlace == place)
      }
      try await Mounts.bind(volume.path, at: "\(root)/bound", readOnly: true) { bound in
        let place = try RestorePlace(of: Volume(name: "bound", path: bound))
        #expect(place.isMountPoint && place.directory == bound && !place.isWritable)
      }
    }
  }

  @Test func aHealthyVolumePassesEveryCheck() {
    let findings = VolumeCheck(CheckThresholds()).findings(facts())
    #expect(findings.allSatisfy { $0.level == .ok && $0.hint == nil && $0.volume == "node1_data" })
    #expect(Set(findings.map(\.check)) == Set(Finding.Check.allCases).subtracting([.access, .backupRuns, .dataAtRisk]))
  }

  @Test(
    arguments: [
      (0, Finding.Level.ok), (699, .ok), (700, .ok), (701, .warning), (850, .warning), (851, .critical),
      (1000, .critical),
    ] as [(Int64, Finding.Level)])
  func aThresholdIsPassedAboveItNotAtIt(_ used: Int64, _ level: Finding.Level) {
    let room = Room(total: ByteCount(1000), free: ByteCount(1000 - used), available: ByteCount(1000 - used))
    #expect(self.level(.fileSystem) { $0.fileSystem = room } == level)
  }

  @Test func blocksReservedForRootCountAsDfCountsThem() {
    let room = Room(total: ByteCount(1000), free: ByteCount(350), available: ByteCount(250))
    #expect(level(.fileSystem) { $0.fileSystem = room } == .warning, "650 of 900 usable")
  }

  @Test func theThresholdsAreTheConfigurations() {
    var thresholds = CheckThresholds()
    (thresholds.warningPercent, thresholds.criticalPercent) = (5, 9)
    #expect(level(.fileSystem, thresholds) == .critical)
  }

  @Test func aBackupThatMayNotFitIsAWarning() {
    #expect(level(.backupRoom) { $0.bytes = ByteCount(900) } == .ok)
    #expect(level(.backupRoom) { $0.bytes = ByteCount(901) } == .warning)
  }

  @Test(arguments: [
    (ErrorCode.databaseCorrupt, Finding.Level.critical), (.volumeNoDatabase, .critical), (.databaseFailed, .critical),
    (.databaseUnsupported, .warning), (.snapshotUnsupported, .warning), (.snapshotUnstable, .warning),
  ])
  func damageIsCriticalAndDoubtIsAWarning(_ code: ErrorCode, _ level: Finding.Level) {
    let fault = DatabaseInspection.Fault(GoudError(code, "why", hint: "what"))
    let findings = VolumeCheck(CheckThresholds()).findings(
      facts { $0.databases.append(.init(path: "state", fault: fault)) })
    let worst = findings.filter { $0.check == .database }.max { $0.level < $1.level }
    #expect(worst?.level == level && worst?.message == "why" && worst?.hint == "what")
  }

  @Test func aVolumeWithoutADatabaseIsAWarning() { #expect(level(.database) { $0.databases = [] } == .warning) }

  @Test(
    arguments: [
      (0o600, 1000, Finding.Level.ok), (0o400, 1000, .ok), (0o640, 1000, .warning), (0o660, 1000, .warning),
      (0o604, 1000, .critical), (0o644, 1000, .critical), (0o602, 1000, .critical), (0o600, 0, .warning),
    ] as [(UInt32, UInt32, Finding.Level)])
  func aSecretIsForItsOwnerAlone(_ mode: UInt32, _ owner: UInt32, _ level: Finding.Level) {
    #expect(self.level(.secrets) { $0.secrets.append(.init(path: "validator_key", mode: mode, owner: owner)) } == level)
  }

  @Test(arguments: [
    (Leftover.Kind.staging, false, Finding.Level.warning), (.staging, true, .ok), (.safetyCopy, false, .ok),
    (.temporary, false, .warning), (.temporary, true, .warning),
  ])
  func leftoversOfInterruptedRunsAreWarnings(_ kind: Leftover.Kind, _ running: Bool, _ level: Finding.Level) {
    #expect(
      self.level(.leftovers) {
        $0.leftovers = [.init(kind: kind, path: "/x", bytes: ByteCount(1))]
        $0.restoreRunning = running
      } == level)
  }

  @Test(
    arguments: [
      (nil, false, Finding.Level.ok), (nil, true, .warning), (172_800, true, .ok), (172_801, true, .warning),
      (172_801, false, .ok), (0, true, .ok),
    ] as [(Double?, Bool, Finding.Level)])
  func anOldBackupIsAWarningWhereBackupsAreScheduled(_ age: Double?, _ expected: Bool, _ level: Finding.Level) {
    var thresholds = CheckThresholds()
    thresholds.backupsExpected = expected
    #expect(
      self.level(.lastBackup, thresholds) { facts in
        facts.lastBackup = age.map { .init(archive: "/backups/a.tar", timestamp: facts.now.addingTimeInterval(-$0)) }
      } == level)
  }

  @Test func theWorstLevelDecidesTheExitStatus() {
    #expect(Finding.Level.allCases.map(\.exitStatus.rawValue) == [0, 20, 21])
    #expect([Finding.Level.warning, .critical, .ok].max() == .critical)
  }
}

/// The same checks on real volumes.
@Suite struct VolumeCheckRunTests {
  private func worst(_ findings: [Finding], _ check: Finding.Check) -> Finding? {
    findings.filter { $0.check == check }.max { $0.level < $1.level }
  }

  @Test func aMissingTableAndAnOpenSecretAreFoundAndTheNextVolumeIsStillChecked() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let broken = try fixture.volume("node1_data")
      let whole = try fixture.volume("node2_data")
      try FileManager.default.removeItem(atPath: try file(".sst", in: "\(broken.path)/rocksdb"))
      try makeFile("\(broken.path)/jwt_secret", mode: 0o644)
      try makeFile("\(whole.path)/jwt_secret", mode: 0o600)
      let findings = try VolumeCheck.run([broken, whole], fixture.inspector)
      let (first, second) = (findings.filter { $0.volume == broken.name }, findings.filter { $0.volume == whole.name })
      #expect(worst(first, .database)?.level == .critical && worst(first, .secrets)?.level == .critical)
      #expect(worst(second, .database)?.level == .ok && worst(second, .secrets)?.level == .ok)
    }
  }

  @Test func aTableOfTheWrongSizeIsFound() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data", database: ".")
      let table = try file(".sst", in: volume.path)
      truncate(table, off_t(try FileSystem.status(table)!.st_size - 1))
      #expect(worst(try VolumeCheck.run([volume], fixture.inspector), .database)?.level == .critical)
    }
  }

  @Test func aVolumeThatIsGoneIsCriticalAndTheOthersAreStillChecked() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let whole = try fixture.volume("node2_data")
      let findings = try VolumeCheck.run([Volume(name: "gone", path: "\(root)/gone"), whole], fixture.inspector)
      #expect(worst(findings.filter { $0.volume == "gone" }, .access)?.level == .critical)
      #expect(worst(findings.filter { $0.volume == whole.name }, .database)?.level == .ok)
    }
  }

  /// What a watch or `backup create --repo` has noted counts like an archive, and is one volume's alone.
  @Test(
    arguments: [
      (nil, .warning), (60, .ok), (3 * 86_400, .warning), (-86_400, .warning),
    ] as [(Double?, Finding.Level)])
  func aBackupInARepositoryIsALastBackup(_ age: Double?, _ level: Finding.Level) throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root, variables: ["BACKUP_ENABLED": "true"])
      let volume = try fixture.volume("node1_data")
      let other = try fixture.volume("node2_data")
      var inspector = fixture.inspector
      inspector.noted[volume.name] = age.map {
        LastBackup(archive: "s3://b/repo 0123456789abcdef", timestamp: Date(timeIntervalSinceNow: -$0))
      }
      let findings = try VolumeCheck.run([volume, other], inspector)
      let found = try #require(worst(findings.filter { $0.volume == volume.name }, .lastBackup))
      #expect(found.level == level, "\(found)")
      if level == .ok { #expect(found.message.hasSuffix("repo 0123456789abcdef"), "\(found)") }
      #expect(worst(findings.filter { $0.volume == other.name }, .lastBackup)?.level == .warning)
    }
  }

  /// It would be the last backup of every volume until its day has come.
  @Test func anArchiveOfTheFutureIsNamed() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let name = "goud-chain-backup-local-20991231-000000.tar.gz"
      try makeFile("\(fixture.configuration.backupDirectory)/\(name)")
      let found = try #require(worst(try VolumeCheck.run([volume], fixture.inspector), .lastBackup))
      #expect(found.level == .warning && found.message.contains(name) && found.hint != nil)
    }
  }

  @Test func aRestoreAtWorkIsNoFinding() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      let staging = "\(fixture.configuration.volumesDirectory)/.node1_data.restore-1"
      try makeDirectory(staging)
      #expect(worst(try VolumeCheck.run([volume], fixture.inspector), .leftovers)?.level == .warning)
      let backup = try DirectoryLock(volume.path)
      #expect(worst(try VolumeCheck.run([volume], fixture.inspector), .leftovers)?.level == .warning, "no restore")
      withExtendedLifetime(backup) {}
      let lock = try Descriptor.open(
        "\(fixture.configuration.volumesDirectory)/.node1_data.goud-lock", O_RDWR | O_CREAT)
      #expect(flock(lock.fd, LOCK_EX | LOCK_NB) == 0)
      #expect(worst(try VolumeCheck.run([volume], fixture.inspector), .leftovers)?.level == .ok)
      withExtendedLifetime(lock) {}
    }
  }

  @Test func whatAKilledBackupLeftIsFound() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeFile("\(fixture.configuration.backupDirectory)/.goud-chain-backup-x.tar.goud-tmp-r000000000000001")
      let findings = try VolumeCheck.run([], fixture.inspector)
      #expect(findings.map(\.level) == [.warning] && findings[0].volume == "")
    }
  }

  /// A real file system of 48 MB that fills up.
  @Test func aFullFileSystemIsFoundAtBothThresholds() async throws {
    try await withTemporaryDirectory { root in
      let mount = "\(root)/disk"
      try makeDirectory(mount)
      try makeFile("\(root)/image")
      truncate("\(root)/image", 48 << 20)
      for command in [
        ["mkfs.ext4", "-q", "-m", "0", "\(root)/image"], ["mount", "-o", "loop", "\(root)/image", mount],
      ] {
        let result = try await Programs.run(command[0], Array(command.dropFirst()))
        try #require(result.status == 0, "\(command): \(result.errors)")
      }
      let levels = Result { () throws -> [Finding.Level?] in
        let fixture = try VolumeFixture(root, home: "\(mount)/home")
        let volume = try fixture.volume("node1_data")
        func look() throws -> Finding.Level? {
          worst(try VolumeCheck.run([volume], fixture.inspector), .fileSystem)?.level
        }
        var levels = [try look()]
        for percent in [75.0, 90.0] {
          try fill("\(mount)/ballast", to: percent)
          levels.append(try look())
        }
        return levels
      }
      #expect(try await Programs.run("umount", [mount]).status == 0)
      #expect(try levels.get() == [.ok, .warning, .critical])
    }
  }

  /// Lets a file grow until `percent` of its file system are used.
  private func fill(_ path: String, to percent: Double) throws {
    let file = try Descriptor.open(path, O_RDWR | O_CREAT)
    let room = try FileSystem.room(at: path)
    let usable = room.total.bytes - room.free.bytes + room.available.bytes
    let missing = Int64(Double(usable) * percent / 100) - (room.total.bytes - room.free.bytes)
    let size = Int64(try file.status().st_size)
    guard posix_fallocate(file.fd, off_t(size), off_t(missing)) == 0 else { throw TestFailure("cannot fill \(path)") }
    try file.synchronize()
  }
}
