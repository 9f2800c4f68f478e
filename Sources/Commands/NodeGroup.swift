import ArgumentParser
import GoudCore
import Node
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

/// `goud node`: what the runtimes start, and what is done for one node alone. Operators use `goud network`.
struct NodeGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Run one node (goud network starts them all).", shouldDisplay: false,
    subcommands: [NodeRun.self, NodeHealthVerb.self, NodeCredentialsVerb.self])
}

/// What a container's health check runs: the image has neither a shell nor curl.
struct NodeHealthVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Ask a node how it is; exit 0 when it serves, 14 when not.")

  @Option(help: ArgumentHelp("Where it serves clients.", valueName: "host:port")) var http: String
  @Flag(help: "It serves them over TLS.") var tls = false

  func run() throws {
    let url = "\(tls ? "https" : "http")://\(try HostPort(parsing: http))/health"
    guard let health = try Awaiting.result(of: { await NodeClient().health(url) }) else {
      throw GoudError(.nodeNotReady, "no node answers at \(http)", hint: "see its log")
    }
    Output.write(health.status)
    guard ["healthy", "degraded", "syncing"].contains(health.status) else {
      throw GoudError(.nodeNotReady, "the node is \(health.status): \(health.reason ?? "")", hint: "see its log")
    }
  }
}

struct NodeRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run one node in the foreground until it is asked to stop.",
    discussion: "JWT_SECRET and SESSION_SECRET in the environment take the place of the volume's files.")

  @Option(help: "The node's name in genesis.") var name: String
  @Option(help: ArgumentHelp("The volume's directory.", valueName: "path")) var data: String
  @Option(
    help: ArgumentHelp(
      "A directory outside of the volume where the node notes how far it has come: by it, an old copy of the volume is "
        + "recognised.", valueName: "path"))
  var progress: String?
  @Option(help: ArgumentHelp("Where clients are served.", valueName: "host:port")) var http: String
  @Option(help: ArgumentHelp("Serve them over TLS with this certificate, in PEM.", valueName: "file"))
  var tlsCertificate: String?
  @Option(help: ArgumentHelp("The certificate's key, in PEM.", valueName: "file")) var tlsKey: String?
  @Option(help: ArgumentHelp("Where peers are served.", valueName: "host:port")) var listen: String
  @Option(help: ArgumentHelp("Another node, once for each.", valueName: "name=host:port")) var peer: [String] = []
  @Option(help: ArgumentHelp("The encoded genesis block; needed where the volume has no chain yet.", valueName: "file"))
  var genesis: String?
  @Option(help: "Acknowledge on so many disks instead of a majority. Fewer than that may lose entries.")
  var writeAcks: Int?
  @Option(help: ArgumentHelp("What one account may store; 0: no bound.", valueName: "MiB")) var accountQuota = 0
  @Option(help: ArgumentHelp("Take in nothing more below so much free room on the volume's disk.", valueName: "MiB"))
  var diskReserve = 128
  @Option(
    help: "Accept what is lost without the absent: an authority that is rejoining goes on with so many other nodes.")
  var overrideRejoin: Int?
  @Option(
    help: ArgumentHelp(
      "Who may make an account: open, closed, or sha256: and the SHA-256 of a token.", valueName: "who"))
  var registration = "open"
  @Option(
    help: ArgumentHelp(
      "Believe what this proxy says of its clients (X-Forwarded-For), once for each.", valueName: "address[/bits]"))
  var trustedProxy: [String] = []
  @Option(help: ArgumentHelp("Be this user and group, with no powers; for root.", valueName: "uid:gid")) var become:
    String?
  @Option(
    help: ArgumentHelp(
      "With --become: a directory that user can enter, and those above it need not be; what is below is reached from it.",
      valueName: "path"))
  var from: String?
  @Option(help: ArgumentHelp("Write the log there, and open it anew on SIGHUP.", valueName: "file")) var logFile:
    String?
  @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel = "info"

  func run() throws {
    for (flag, value, least) in [("--write-acks", writeAcks, 1), ("--override-rejoin", overrideRejoin, 0)] {
      if let value, value < least { throw GoudError(.usage, "\(flag) is at least \(least)") }
    }
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw GoudError(.usage, "--tls-certificate and --tls-key go together")
    }
    let place = try become.map { try NodePlace(user: $0, directory: from) }
    for (flag, value) in [("--account-quota", accountQuota), ("--disk-reserve", diskReserve)] {
      guard (0...1_048_576).contains(value) else { throw GoudError(.usage, "\(flag) is 0 to 1048576") }
    }
    var settings = NodeSettings(
      name: name, peers: try peer.map { try PeerAddress(parsing: $0) }, writeAcks: writeAcks,
      overrideRejoin: overrideRejoin)
    settings.accountQuota = accountQuota == 0 ? nil : UInt64(accountQuota) << 20
    settings.diskReserve = Int64(diskReserve) << 20
    var arguments = NodeArguments(
      settings: settings, volume: try place?.reach(data) ?? data,
      progress: try progress.map { try place?.reach($0) ?? $0 }, http: try HostPort(parsing: http),
      listen: try HostPort(parsing: listen),
      genesis: try genesis.map { try Descriptor.open($0, O_RDONLY).readAll(limit: 4 << 20) },
      tls: tlsCertificate.map { certificate in
        ClientTLS.Files(
          certificate: place?.seen(certificate) ?? certificate, key: tlsKey.map { place?.seen($0) ?? $0 } ?? "")
      })
    arguments.clients = try clients()
    if let logFile { try ProcessLog.follow(try place?.reach(logFile) ?? logFile) }
    try place?.become()
    try ProcessPrivacy.keep()
    let log = ProcessLog.start(name, level: try .parse(logLevel))
    let process = NodeProcess(arguments, log: log)
    try Awaiting.result { try await process.run() }
  }

  private func clients() throws -> ClientSettings {
    var settings = ClientSettings()
    settings.registration = try Registration(parsing: registration)
    settings.trustedProxies = try trustedProxy.map { text in
      if let network = IPNetwork(text) { return network }
      throw GoudError(.usage, "--trusted-proxy \(text) is neither an address nor a network")
    }
    return settings
  }
}
