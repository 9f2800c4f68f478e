import GoudCore
import Hummingbird
public import Logging
import ServiceLifecycle
import UnixSignals

/// What `goud node run` is told.
public struct NodeArguments: Sendable {
  public var settings: NodeSettings
  /// The volume's root.
  public var volume: String
  /// The directory outside of the volume that says how far the node has come; nil: an old copy of the volume is not told
  /// from the newest.
  public var progress: String?
  /// Where clients are served.
  public var http: HostPort
  /// Where peers are served.
  public var listen: HostPort
  public var clients = ClientSettings()
  /// Encoded block 0; nil where the volume has a ledger.
  public var genesis: [UInt8]?
  /// What clients are shown; nil: they are served in the clear.
  public var tls: ClientTLS.Files?

  public init(
    settings: NodeSettings, volume: String, progress: String? = nil, http: HostPort, listen: HostPort,
    genesis: [UInt8]? = nil, tls: ClientTLS.Files? = nil
  ) {
    self.settings = settings
    self.volume = volume
    self.progress = progress
    self.http = http
    self.listen = listen
    self.genesis = genesis
    self.tls = tls
  }
}

/// One node, from its start to the signal that stops it.
public struct NodeProcess: Sendable {
  /// What a stop waits for requests under way, before it breaks them off.
  static let stopTime = Duration.seconds(10)

  /// Open files besides clients' connections: the database's, peers', and some to spare.
  private static let otherFiles = 640

  private let arguments: NodeArguments
  private let log: Logger

  public init(_ arguments: NodeArguments, log: Logger) {
    self.arguments = arguments
    self.log = log
  }

  /// Serves until SIGTERM or SIGINT, or until its task is cancelled. Clients are refused first, then peers, then the
  /// ledger is closed.
  /// - Throws: `node.port-in-use`, what `ClientTLS` throws, and what `NodeHost` throws: all with nothing changed.
  public func run() async throws {
    let tls = try arguments.tls.map { try ClientTLS($0, log: log) }
    _ = try ListeningSocket(arguments.http)
    let socket = try ListeningSocket(arguments.listen)
    let pool = ReaderPool(threads: 2, waiting: 256)
    let host = try NodeHost(
      volume: NodeVolume(arguments.volume, progress: arguments.progress), settings: arguments.settings,
      genesis: arguments.genesis, pool: pool,
      log: log)
    var limits = HTTPLimits()
    // An eighth more are let in for a moment.
    limits.connections = min(limits.connections, max(64, (DescriptorLimit.raise() - Self.otherFiles) / 9 * 8))
    let secrets = try NodeSecrets(volume: arguments.volume)
    SecretVariables.wipe()
    let http = await NodeHTTP(
      service: host, volume: arguments.volume, secrets: secrets, settings: arguments.clients, limits: limits)
    let peers = PeerServer(PeerService(identity: host.identity, host: host, book: host.book), on: socket)
    let address = arguments.http
    let application = http.application(
      address: .hostname(address.host, port: address.port), tls: tls, logger: log,
      onServerRunning: { [log] channel in
        log.notice("\(host.identity.name) serves \(channel.localAddress.map { "\($0)" } ?? "\(address)")")
      })
    var configuration = ServiceGroupConfiguration(
      services: [pool, host, peers, application], gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
    configuration.maximumGracefulShutdownDuration = Self.stopTime
    try await ServiceGroup(configuration: configuration).run()
  }
}
