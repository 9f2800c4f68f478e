import Agent
import ArgumentParser
import GoudCore
import Layout
import Minisign
import Runtime
import Volumes

/// `goud secrets …`
struct SecretsGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets", abstract: "Replace a network's secrets, and show what others know its keys by.",
    subcommands: [SecretsRotate.self, SecretsPublic.self])
}

struct SecretsRotate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Replace what the nodes sign and seal sessions with.",
    discussion: """
      jwt_secret and session_secret of each node. Nodes that run take them up by themselves, within two seconds, and go \
      on: every session ends, and clients log in again with their API keys; accounts and entries stay as they are. A node \
      that has JWT_SECRET or SESSION_SECRET in its environment keeps to that. Validator keys are part of the chain, and \
      stay. A restore brings back the secrets of the backup: rotate again after it.

      With REGISTRATION=token, and for all nodes, registration_token is replaced as well. Nodes are told of it when they \
      start: those that run are restarted as by goud network restart, one at a time.
      """)

  @Option(name: .long, parsing: .singleValue, help: "Only of this node; repeat. Default: all of them.")
  var node: [String] = []
  @Flag(help: "Give all of them the same secrets: a session of one node is good at every other.") var shared = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  private struct Report: Encodable {
    let rotated: [SecretRotation.Rotated]
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    try configuration.enterVolumes(restores: true)
    let context = try NetworkContext(configuration)
    for name in node { _ = try context.plan.node(name) }
    try DockerVolumes(configuration)?.refresh()
    var rotation = SecretRotation(context.home, nodes: node.isEmpty ? context.plan.nodes.map(\.name) : node)
    rotation.shared = shared
    rotation.registrationToken = node.isEmpty && configuration.registration == "token"
    let rotated = try rotation.run()
    guard !rotated.isEmpty else {
      throw GoudError(
        .networkNotFounded, "no node of \(configuration.environment) has secrets yet",
        hint: "they are made when a node starts for the first time")
    }
    switch output.format {
    case .json: Output.write(try Output.json(Report(rotated: rotated)))
    case .table:
      Output.write(Output.printable(lines: rotated.map { "rotated \($0.secret)\($0.node.map { " of \($0)" } ?? "")" }))
      Output.note("every session of these nodes ends within two seconds; clients log in again with their API keys")
    }
    // Until a node is started again, it takes the old token.
    guard rotated.contains(where: { $0.node == nil }), context.client.manager != nil else { return }
    _ = try Awaiting.result {
      try await RollingRestart(context: context, patience: .seconds(120))
        .restart(context.plan.nodes.map(\.name).reversed())
    }
  }
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
