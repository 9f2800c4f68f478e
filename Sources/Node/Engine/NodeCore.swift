import Chain
import Foundation
import GRPCCore
import GoudCore
import Logging
import Replication
import Synchronization

/// What a node is told at its start; the same until it ends.
public struct NodeSettings: Sendable {
  /// Its name in genesis.
  public var name: String
  /// Every other validator.
  public var peers: [PeerAddress]
  /// `WRITE_ACKS`: on how many disks an entry is before it is acknowledged; nil: a majority.
  public var writeAcks: Int?
  /// `ACCOUNT_QUOTA_MIB`, in bytes: what one account may store; nil: no bound. The authority's counts.
  public var accountQuota: UInt64?
  /// `DISK_RESERVE_MIB`, in bytes; 0: room is never looked at.
  public var diskReserve: Int64 = 0
  /// What tests have it find there, in place of the file system's room.
  var roomFigures: (@Sendable () throws -> DiskRoom.Figures)?
  /// The operator accepts what is lost without the absent: an authority whose volume is new or restored goes on with so
  /// many other nodes.
  public var overrideRejoin: Int?

  public init(name: String, peers: [PeerAddress], writeAcks: Int? = nil, overrideRejoin: Int? = nil) {
    self.name = name
    self.peers = peers
    self.writeAcks = writeAcks
    self.overrideRejoin = overrideRejoin
  }
}

/// One opened ledger and the engine that keeps it: from opening to the first failure, or to the end of the node.
final class NodeCore: PeerHost {
  enum Engine {
    case authority(AuthorityEngine)
    case follower(FollowerEngine)
  }

  let identity: NodeIdentity
  let network: Network
  let ledger: Ledger
  let book: PeerBook
  let engine: Engine
  let room: DiskRoom
  private let settings: NodeSettings
  private let pool: ReaderPool
  private let log: Logger

  /// Opens the ledger and starts the engine, which decides nothing yet that needs others.
  /// - Parameter genesis: encoded block 0, needed only where the volume has none.
  /// - Throws: what `NodeVolume.check` and `Ledger` throw; `chain.invalid-key`, `usage.invalid`: all with nothing
  ///   changed.
  init(
    volume: NodeVolume, settings: NodeSettings, genesis: Block?, book: PeerBook, pool: ReaderPool, log: Logger
  ) throws {
    try volume.check()
    let key = try volume.validatorKey()
    if let genesis { _ = try NodeIdentity.checked(name: settings.name, rules: try Self.rules(genesis), key: key) }
    ledger = try Ledger(directory: volume.database, genesis: genesis)
    try Self.checkPromise(ledger)
    identity = try NodeIdentity.checked(name: settings.name, rules: ledger.rules, key: key)
    network = Network(nodes: identity.validators, acknowledgements: settings.writeAcks)
    self.settings = settings
    self.book = book
    self.pool = pool
    self.log = log
    try Self.check(settings, network)
    let checker = BlockChecker(ledger.rules, pool)
    let room = Self.room(settings, identity, ledger)
    self.room = room
    if identity.isAuthority {
      let fetcher = BlockFetcher(identity: identity, checker: checker, peers: settings.peers)
      engine = .authority(
        AuthorityEngine(
          identity: identity, network: network, ledger: ledger, volume: volume, fetcher: fetcher,
          quota: settings.accountQuota, room: room,
          shortage: Self.shortage(identity, network, room, book), log: log))
    } else {
      engine = .follower(
        FollowerEngine(
          node: identity.name, authority: identity.authority, ledger: ledger, volume: volume, checker: checker,
          room: room, log: log))
    }
  }

  private static func room(_ settings: NodeSettings, _ identity: NodeIdentity, _ ledger: Ledger) -> DiskRoom {
    let sharers = identity.validators.count
    guard let figures = settings.roomFigures else {
      return DiskRoom(reserve: settings.diskReserve, sharers: sharers, ledger: ledger)
    }
    return DiskRoom(reserve: settings.diskReserve, sharers: sharers, figures: figures)
  }

  /// Why the authority takes in no entries: its own disk, or so many others' that no majority has room.
  private static func shortage(
    _ identity: NodeIdentity, _ network: Network, _ room: DiskRoom, _ book: PeerBook
  ) -> @Sendable () -> GoudError? {
    {
      if let shortage = room.shortage(of: identity.name) { return shortage }
      guard room.reserve > 0 else { return nil }
      let present = book.pages.filter(\.connected)
      let full = present.filter(\.full).map(\.name)
      guard !full.isEmpty, 1 + present.count - full.count < network.acknowledgements else { return nil }
      return .noRoom("writes need \(network.acknowledgements) disks with room; full: \(full.joined(separator: ", "))")
    }
  }

  /// - Throws: `database.corrupt` for a promise that leaves no room for another epoch: none was ever made.
  private static func checkPromise(_ ledger: Ledger) throws {
    guard let promise = ledger.promise, promise.epoch > Bounds.epoch else { return }
    throw GoudError(
      .databaseCorrupt, "\(ledger.directory) has promised epoch \(promise.epoch), which no network comes to",
      hint: "goud volume repair rebuilds it from the other nodes", context: ["path": ledger.directory])
  }

  private static func rules(_ genesis: Block) throws -> BlockRules {
    do {
      return try BlockRules(genesis: genesis)
    } catch {
      throw error.error
    }
  }

  private static func check(_ settings: NodeSettings, _ network: Network) throws {
    for peer in settings.peers where !network.nodes.contains(peer.name) || peer.name == settings.name {
      throw GoudError(
        .usage, "\(peer.name) is not another node of this network",
        hint: "its nodes are \(network.nodes.joined(separator: ", "))")
    }
    let named = Set(settings.peers.map(\.name) + [settings.name])
    let missing = network.nodes.filter { !named.contains($0) }
    guard missing.isEmpty else {
      throw GoudError(
        .usage, "no address is given for \(missing.joined(separator: ", "))", hint: "pass --peer NAME=HOST:PORT")
    }
    guard named.count == settings.peers.count + 1 else { throw GoudError(.usage, "a peer is named twice") }
  }

  var failure: NodeFailure? {
    switch engine {
    case .authority(let engine): engine.shown.withLock { $0.failure }
    case .follower(let engine): engine.shown.withLock { $0.failure }
    }
  }

  /// Runs until the engine fails, or its task is cancelled; then nothing more is decided, stored or sent.
  func run() async throws {
    do {
      switch engine {
      case .authority(let engine):
        try await engine.start()
        try await race(
          { try await self.watchFailure() }, { try await self.room.watch() }, { try await self.countStored() },
          { try await self.overrideWhenAsked(engine) },
          { [log] in try await ProgressKeeper(await engine.progress, log).run() })
      case .follower(let engine):
        try await engine.start()
        let watch = PeerWatch(identity: identity, book: book, peers: settings.peers)
        try await race(
          { try await self.watchFailure() }, { try await self.room.watch() }, { try await self.countStored() },
          { try await self.follow(engine) }, { try await watch.run() },
          { [log] in try await ProgressKeeper(await engine.progress, log).run() })
      }
      await stop()
    } catch {
      await stop()
      throw error
    }
  }

  private func stop() async {
    switch engine {
    case .authority(let engine): await engine.stop()
    case .follower(let engine): await engine.stop()
    }
  }

  private func watchFailure() async throws {
    while failure == nil { try await Task.sleep(for: .milliseconds(200)) }
  }

  /// Counts what accounts store, where an older release has written the ledger; at once with nothing to do otherwise.
  private func countStored() async throws {
    do {
      while try await pool.run({ [ledger] in try ledger.countStored() }) { try Task.checkCancellation() }
    } catch let error as GoudError {
      log.error("cannot count what accounts store", metadata: ["why": "\(error)"])
    }
    try await Task.sleep(for: .seconds(Int64.max / 4_000_000_000))
  }

  /// Some seconds after the start, so that who can come has come.
  private func overrideWhenAsked(_ engine: AuthorityEngine) async throws {
    if let others = settings.overrideRejoin {
      try await Task.sleep(for: .seconds(5))
      await engine.override(others: others)
    }
    try await Task.sleep(for: .seconds(Int64.max / 4_000_000_000))
  }

  /// Connects to the authority again and again.
  private func follow(_ engine: FollowerEngine) async throws {
    guard let authority = settings.peers.first(where: { $0.name == identity.authority }) else { return }
    var backoff = Backoff()
    while true {
      let session = AuthoritySession(identity: identity, host: engine, book: book)
      var refused = false
      do {
        try await session.run(at: authority.address)
      } catch let fault as PeerFault {
        refused = !fault.code.isAbsence
        log.info("not following \(authority.name)", metadata: ["why": "\(fault)"])
      }
      if session.established { backoff.reset() }
      try await backoff.wait(refused: refused)
    }
  }

  // MARK: - For peers

  func followerConnected(_ link: FollowerLink) async throws {
    guard case .authority(let engine) = engine else {
      throw PeerFault(.notAuthority, "\(identity.authority) is the authority")
    }
    try await engine.followerConnected(link)
  }

  func followerSaid(_ message: FollowerMessage, on link: FollowerLink) async throws {
    guard case .authority(let engine) = engine else { return }
    try await engine.followerSaid(message, on: link)
  }

  func followerSubmitted(_ entries: [[UInt8]], on link: FollowerLink) async throws {
    guard case .authority(let engine) = engine else { return }
    try await engine.followerSubmitted(entries, on: link)
  }

  func followerGone(_ link: FollowerLink) async {
    guard case .authority(let engine) = engine else { return }
    await engine.followerGone(link)
  }

  var position: Position? {
    switch engine {
    case .authority(let engine): engine.shown.withLock { $0.position }
    case .follower(let engine): engine.shown.withLock { $0.position }
    }
  }

  func inspect(_ heights: [UInt64]) async throws -> (Position, [BlockID]) {
    if let failure { throw failure.refusal }
    guard let position else { throw GoudError(.nodeNotReady, "the node is starting") }
    guard !heights.isEmpty else { return (position, []) }
    let blocks = try await pool.run { [ledger] in try heights.compactMap { try ledger.reference(at: $0)?.id } }
    return (position, blocks)
  }

  func blocks(from height: UInt64, limit: Int) async throws -> [[UInt8]] {
    if let failure { throw failure.refusal }
    return try await pool.run { [ledger] in
      try ledger.blocks(from: height, limit: limit, maxBytes: PeerLimits.batchBytes)
    }
  }

  // MARK: - Entries

  /// Why entries are refused though the engine would take them; nil: they are not.
  var shortage: GoudError? {
    switch engine {
    case .authority(let engine): engine.queue.shortage()
    case .follower(let engine): engine.queue.shortage()
    }
  }

  /// See `EntryTaker`.
  func submit(_ entry: Entry, before deadline: ContinuousClock.Instant) async throws -> EntryPlace {
    switch engine {
    case .authority(let engine): try await engine.submit(entry, before: deadline)
    case .follower(let engine): try await engine.submit(entry, before: deadline)
    }
  }
}
