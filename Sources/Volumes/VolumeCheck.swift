import Foundation
import GoudCore

/// The health of volumes. `findings` decides from facts alone, without a look at the disk; `run` gathers the facts.
public struct VolumeCheck: Sendable {
  public let thresholds: CheckThresholds

  public init(_ thresholds: CheckThresholds) { self.thresholds = thresholds }

  /// Looks at every volume and at the backup directory. A volume that cannot be looked at is a critical finding, and
  /// the others are still checked.
  /// - Throws: `run.interrupted`, `run.terminated`.
  public static func run(_ volumes: [Volume], _ inspector: VolumeInspector) throws -> [Finding] {
    let check = VolumeCheck(CheckThresholds(inspector.configuration))
    let points = try inspector.recoveryPoints()
    var findings = points.ahead.map(Self.ahead)
    for volume in volumes {
      do {
        findings += check.findings(try inspector.facts(volume, points: points))
      } catch let error as GoudError where ![.interrupted, .terminated].contains(error.code) {
        findings.append(Finding(volume.name, .access, .critical, error.message, hint: error.hint))
      }
    }
    let backups = try Leftover.temporaries(in: inspector.configuration.backupDirectory)
    return findings + backups.map { check.leftover($0, of: "", restoreRunning: false) }
  }

  /// At least one finding for each check, `ok` included, in the order of `Finding.Check`.
  public func findings(_ facts: VolumeFacts) -> [Finding] {
    [use(facts), driver(facts), backupRoom(facts)] + databases(facts) + secrets(facts) + leftovers(facts) + [
      restore(facts), lastBackup(facts),
    ]
  }

  private func use(_ facts: VolumeFacts) -> Finding {
    let percent = facts.fileSystem.usedPercent
    let used = facts.fileSystem.total.bytes - facts.fileSystem.free.bytes
    let text = String(format: "%.1f %% of the file system is used", percent)
    let room = "\(ByteCount(used)) of \(facts.fileSystem.total)"
    func above(_ level: Finding.Level, _ threshold: Int, _ hint: String) -> Finding {
      Finding(facts.volume, .fileSystem, level, "\(text) (\(room)), above \(threshold) %", hint: hint)
    }
    if percent > Double(thresholds.criticalPercent) {
      return above(.critical, thresholds.criticalPercent, "expand the file system now, or free room on it")
    }
    if percent > Double(thresholds.warningPercent) {
      return above(.warning, thresholds.warningPercent, "plan to expand the file system")
    }
    return Finding(facts.volume, .fileSystem, .ok, "\(text) (\(room))")
  }

  private func driver(_ facts: VolumeFacts) -> Finding {
    let backing = facts.backing
    guard backing.driver != .local, backing.providerId == nil else {
      return Finding(facts.volume, .driver, .ok, "\(backing)")
    }
    return Finding(
      facts.volume, .driver, .warning, "\(backing.driver.rawValue), but nobody has said which disk it is",
      hint: "set VOLUME_IDS, or goud volume expand cannot enlarge it")
  }

  private func backupRoom(_ facts: VolumeFacts) -> Finding {
    let available = facts.backupRoom.available
    let place = "\(available) free for \(facts.bytes) in \(facts.backupDirectory)"
    guard facts.bytes > available else { return Finding(facts.volume, .backupRoom, .ok, place) }
    return Finding(
      facts.volume, .backupRoom, .warning, "the next backup may not fit: \(place)",
      hint: "free room there (goud backup prune), or set BACKUP_DIR to another place")
  }

  private func databases(_ facts: VolumeFacts) -> [Finding] {
    guard !facts.databases.isEmpty else {
      return [
        Finding(
          facts.volume, .database, .warning, "holds no RocksDB",
          hint: "start its node, or restore a backup (goud restore)"
        )
      ]
    }
    return facts.databases.map { database in
      guard let fault = database.fault else {
        return Finding(facts.volume, .database, .ok, "\(database.path): \(database.tables) tables, all files there")
      }
      return Finding(facts.volume, .database, Self.level(fault.code), fault.message, hint: fault.hint)
    }
  }

  /// Damage is critical; that it cannot be judged here and now is a warning.
  private static func level(_ code: ErrorCode) -> Finding.Level {
    switch code {
    case .databaseUnsupported, .snapshotUnsupported, .snapshotUnstable, .snapshotCut: .warning
    default: .critical
    }
  }

  private func secrets(_ facts: VolumeFacts) -> [Finding] {
    let wrong = facts.secrets.compactMap { secret -> Finding? in
      let mode = String(format: "%04o", secret.mode)
      if secret.mode & 0o077 != 0 {
        let level: Finding.Level = secret.mode & 0o007 != 0 ? .critical : .warning
        let who = level == .critical ? "every user" : "its group"
        return Finding(
          facts.volume, .secrets, level, "\(secret.path) is open to \(who) (mode \(mode))",
          hint: "chmod 0600 it, and consider it known to others")
      }
      guard secret.owner != facts.owner else { return nil }
      return Finding(
        facts.volume, .secrets, .warning,
        "\(secret.path) belongs to user \(secret.owner), the volume to user \(facts.owner)",
        hint: "chown it to user \(facts.owner), or its node cannot read it")
    }
    guard wrong.isEmpty else { return wrong }
    let count = facts.secrets.count
    let text = count == 0 ? "no secrets in it" : "\(count) secret\(count == 1 ? "" : "s"), for the owner alone"
    return [Finding(facts.volume, .secrets, .ok, text)]
  }

  private func leftovers(_ facts: VolumeFacts) -> [Finding] {
    guard !facts.leftovers.isEmpty else { return [Finding(facts.volume, .leftovers, .ok, "nothing left behind")] }
    return facts.leftovers.map { leftover($0, of: facts.volume, restoreRunning: facts.restoreRunning) }
  }

  private func leftover(_ found: Leftover, of volume: String, restoreRunning: Bool) -> Finding {
    let what = "\(found.path) (\(found.bytes))"
    switch found.kind {
    case .staging where restoreRunning:
      return Finding(volume, .leftovers, .ok, "a restore is at work in \(what)")
    case .staging:
      return Finding(
        volume, .leftovers, .warning, "an interrupted restore left \(what)",
        hint: "run goud restore again: it resumes or rolls back")
    case .safetyCopy:
      return Finding(volume, .leftovers, .ok, "safety copy of a restore: \(what)")
    case .temporary:
      return Finding(
        volume, .leftovers, .warning, "an interrupted run left \(what)", hint: "the next run removes it")
    }
  }

  /// It counts for nothing before its day has come; if the clock of today is the wrong one, that is to be known as well.
  private static func ahead(_ backup: BackupCatalog.Backup) -> Finding {
    Finding(
      "", .lastBackup, .warning,
      "\(FileSystem.name(of: backup.path)) is later than now, and counts for nothing",
      hint: "if this machine's clock is right, remove that archive or keep it elsewhere; else set the clock")
  }

  /// What a restore would refuse, said before one is needed.
  private func restore(_ facts: VolumeFacts) -> Finding {
    let place = facts.restorePlace
    if let mount = place.mountsInside.first {
      return Finding(
        facts.volume, .restore, .warning, "a restore would be refused: \(mount) is mounted inside the volume",
        hint: "mount it outside the volume")
    }
    guard place.isWritable else {
      return Finding(
        facts.volume, .restore, .warning, "a restore would be refused: nothing can be made in \(place.directory)",
        hint: "let the user who restores write there, or restore as root")
    }
    guard facts.bytes <= facts.fileSystem.available else {
      return Finding(
        facts.volume, .restore, .warning,
        "a restore keeps the old data, and both do not fit: \(facts.fileSystem.available) free for \(facts.bytes)",
        hint: "expand the file system, or free room on it (goud backup prune)")
    }
    let way = place.isMountPoint ? "its content is exchanged inside the mount" : "it is exchanged with the new data"
    return Finding(facts.volume, .restore, .ok, "both versions fit; \(way)")
  }

  private func lastBackup(_ facts: VolumeFacts) -> Finding {
    let late: Finding.Level = thresholds.backupsExpected ? .warning : .ok
    let hint = thresholds.backupsExpected ? "goud backup create; then see why the scheduled one did not run" : nil
    guard let last = facts.lastBackup else {
      return Finding(facts.volume, .lastBackup, late, "no backup in \(facts.backupDirectory)", hint: hint)
    }
    let age = facts.now.timeIntervalSince(last.timestamp)
    let proof = last.unproven.isEmpty ? "" : ", unproven"
    let text = "last backup \(Self.words(age)) ago\(proof): \(FileSystem.name(of: last.archive))"
    guard age > thresholds.backupAge else { return Finding(facts.volume, .lastBackup, .ok, text) }
    return Finding(facts.volume, .lastBackup, late, text, hint: hint)
  }

  /// `5 minutes`, `3 hours`, `2 days`: the largest whole unit.
  private static func words(_ seconds: TimeInterval) -> String {
    let units = [(86400.0, "day"), (3600, "hour"), (60, "minute")]
    guard let (length, name) = units.first(where: { seconds >= $0.0 }) else { return "less than a minute" }
    let count = Int(seconds / length)
    return "\(count) \(name)\(count == 1 ? "" : "s")"
  }
}
