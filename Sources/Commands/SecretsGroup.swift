import ArgumentParser
import GoudCore
import Minisign
import Volumes

/// `goud secrets …`
struct SecretsGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets", abstract: "Show what others know keys by.",
    subcommands: [SecretsPublic.self])
}

struct SecretsPublic: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "public", abstract: "Show the public key of what signs backups, as minisign writes it.",
    discussion: "For --trust and TRUSTED_KEYS, and for minisign -V -P.")

  @Argument(help: "A secret key of minisign -G, a validator_key, or authority: that of the network's authority.")
  var key: String
  @Option(help: ArgumentHelp("Read the password of that key from a file (its first line).", valueName: "file"))
  var password: String?
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let signer = try SigningKey(named: key, password: password, try GoudConfiguration.load(flags: scope.flags))
    Output.write(String(signer.verifier.fileText.dropLast()))
  }
}
