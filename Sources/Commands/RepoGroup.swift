import ArgumentParser

/// `goud repo …`
struct RepoGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repo", abstract: "Make, check and look after a repository of backups.",
    discussion: """
      A repository holds many backups of many volumes, encrypted, each at the cost of what changed. Its format is restic's, \
      version 2: stock restic lists, checks, restores, copies, prunes and mounts it.
      """,
    subcommands: [
      RepoInit.self, RepoCheck.self, RepoRepair.self, RepoUnlock.self, RepoKeyGroup.self, RepoStats.self,
    ])
}
