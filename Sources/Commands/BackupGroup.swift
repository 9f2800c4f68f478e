import ArgumentParser

/// `goud backup …`
struct BackupGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Make, list, look into, prove and clear away backups.",
    subcommands: [
      BackupCreate.self, BackupList.self, BackupInspect.self, BackupVerify.self, BackupPrune.self, BackupWatch.self,
      BackupForget.self, BackupExport.self, BackupImport.self,
    ])
}
