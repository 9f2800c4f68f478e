import ArgumentParser

/// `goud backup …`
struct Backup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make, list, look into, prove and clear away backups.",
    subcommands: [BackupCreate.self, BackupList.self, BackupInspect.self, BackupVerify.self, BackupPrune.self])
}
