import GoudCore
public import Hummingbird
public import HummingbirdCore
import HummingbirdTLS
public import Logging
public import NIOCore

/// The HTTP side of a node (docs/api.md): routes, limits, metrics, and the server that carries them.
public struct NodeHTTP: Sendable {
  let service: any ChainService
  let volume: String
  let limits: HTTPLimits
  let budget: BodyBudget
  let reader: RequestReader
  let sessions: Sessions
  let rates: ClientRates
  let clients: ClientAddress
  let registration: Registration
  let pool: ReaderPool
  let requests = RequestMetrics()
  let connections: ConnectionTable
  let usage: Cached<VolumeUsage>

  /// - Parameter volume: the root of the node's volume, for its metrics.
  public init(
    service: any ChainService, volume: String, secrets: NodeSecrets, settings: ClientSettings = ClientSettings(),
    limits: HTTPLimits = HTTPLimits()
  ) async {
    self.service = service
    self.volume = volume
    self.limits = limits
    connections = ConnectionTable(limit: limits.connections)
    budget = BodyBudget(bytes: limits.bodiesBytes, table: connections)
    reader = RequestReader(limits: limits, budget: budget)
    sessions = await Sessions(secrets, lifetime: limits.sessionSeconds)
    rates = ClientRates(limits)
    registration = settings.registration
    clients = ClientAddress(trustedProxies: settings.trustedProxies)
    let pool = ReaderPool(threads: limits.readers, waiting: limits.waitingReads)
    self.pool = pool
    usage = Cached(for: .seconds(5)) { try await pool.run { try VolumeUsage(volume: volume) } }
  }

  /// - Parameter tls: nil: clients are served in the clear.
  /// - Returns: a service that listens until it is asked to stop; then no connection is accepted, and requests under way end.
  public func application(
    address: BindAddress, tls: ClientTLS? = nil, logger: Logger,
    onServerRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
  ) -> some ApplicationProtocol {
    let limits = limits
    let connections = connections
    let channel = HTTP1Channel.Configuration(
      additionalChannelHandlers: [ConnectionGuard(limits, table: connections)],
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: limits.headBytes, maxHeaderListSize: limits.headBytes,
        maxHeaderFieldCount: limits.headFields))
    return Application(
      router: router(),
      server: HTTPServerBuilder { responder in
        let plain = GatedChannel(HTTP1Channel(responder: responder, configuration: channel))
        guard let tls else { return ClientChannel(plain) }
        return ClientChannel(try TLSChannel(plain, tlsConfiguration: tls.configuration))
      },
      configuration: ApplicationConfiguration(address: address, backlog: limits.connections),
      services: [pool, SecretsWatch(sessions: sessions, pool: pool, log: logger)] + (tls.map { [$0] } ?? []),
      onServerRunning: onServerRunning, logger: logger)
  }

  private func router() -> Router<NodeContext> {
    let routes = healthRoutes + metricsRoutes + chainRoutes + accountRoutes + dataRoutes
    let router = Router(context: NodeContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: Answering(routes: routes, metrics: requests, budget: budget, table: connections))
    for route in routes {
      for method in route.methods { router.on(RouterPath(route.path), method: method, use: route.handler) }
    }
    return router
  }
}
