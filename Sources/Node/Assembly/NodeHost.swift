import Chain
import GoudCore
import Logging
import Replication
public import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A node's chain side for as long as the process lives: opens the volume, keeps it while it can be kept, and says what
/// is wrong when it cannot.
///
/// A damaged database is never opened again by itself: the process stays up and says so. After a disk that was full or
/// did not answer, it is opened anew as soon as there is room, every few seconds.
public final class NodeHost: PeerHost, Service {
  private enum State {
    case starting
    case running(NodeCore)
    case failed(NodeFailure)
  }

  static let roomToGoOn = ByteCount(64 << 20)
  static let retry = Duration.seconds(5)
  static let watch = Duration.seconds(1)

  let settings: NodeSettings
  let volume: NodeVolume
  let identity: NodeIdentity
  let book: PeerBook
  private let genesis: Block?
  private let pool: ReaderPool
  private let log: Logger
  private let state: Mutex<State>

  /// Opens the volume for the first time.
  /// - Parameter genesis: encoded block 0; needed only where the volume has none.
  /// - Throws: whatever is wrong with the volume but damage: that is not thrown but served, as the state `corrupt`,
  ///   provided that `genesis` is given to say who this node is.
  init(volume: NodeVolume, settings: NodeSettings, genesis: [UInt8]?, pool: ReaderPool, log: Logger) throws {
    self.volume = volume
    self.settings = settings
    self.pool = pool
    self.log = log
    self.genesis = try genesis.map { try Self.decode($0) }
    book = PeerBook(peers: settings.peers.map(\.name), log: log)
    do {
      let core = try NodeCore(
        volume: volume, settings: settings, genesis: self.genesis, book: book, pool: pool, log: log)
      identity = core.identity
      state = Mutex(.running(core))
    } catch let error as GoudError where error.code == .databaseCorrupt && self.genesis != nil {
      identity = try NodeIdentity.checked(
        name: settings.name, rules: try BlockRules(genesis: self.genesis!), key: try volume.validatorKey())
      state = Mutex(.failed(NodeFailure(error)))
      log.critical("the database is damaged", metadata: ["why": "\(error)"])
    }
  }

  private static func decode(_ genesis: [UInt8]) throws -> Block {
    do {
      return try Block(decoding: genesis, chain: nil)
    } catch {
      throw error.error.within("genesis")
    }
  }

  var core: NodeCore {
    get throws {
      switch state.withLock({ $0 }) {
      case .running(let core): return core
      case .starting: throw GoudError(.nodeNotReady, "the node is opening its database")
      case .failed(let failure): throw failure.refusal
      }
    }
  }

  var failure: NodeFailure? {
    state.withLock {
      switch $0 {
      case .starting: nil
      case .running(let core): core.failure
      case .failed(let failure): failure
      }
    }
  }

  /// - Throws: `volume.not-found` when the volume or its database is no longer there, or another is in its place: what
  ///   this process has open is then nobody's any more.
  public func run() async throws {
    try await cancelWhenGracefulShutdown {
      try await race({ try await self.keep() }, { try await self.watchVolume() })
    }
  }

  private func watchVolume() async throws {
    let opened = try identities()
    while true {
      do {
        try await Task.sleep(for: Self.watch)
      } catch {
        return
      }
      guard try identities() != opened else { continue }
      log.critical("the volume is gone, or another is in its place", metadata: ["path": "\(volume.path)"])
      throw GoudError(
        .volumeNotFound, "the volume at \(volume.path) is gone, or another is in its place",
        hint: "start the node again", context: ["path": volume.path])
    }
  }

  /// Of what is exchanged when another volume, or another database, is put in place of the one that is open.
  private func identities() throws -> [UInt64] {
    try [volume.path, volume.database, "\(volume.database)/LOCK"].flatMap { path in
      try FileSystem.status(path).map { [UInt64($0.st_dev), UInt64($0.st_ino)] } ?? [0, 0]
    }
  }

  private func keep() async throws {
    while !Task.isCancelled {
      if case .running(let core) = state.withLock({ $0 }) {
        do {
          try await core.run()
        } catch is CancellationError {
          return
        }
        let failure = core.failure ?? NodeFailure(GoudError(.internalFault, "the engine ended"))
        state.withLock { $0 = .failed(failure) }
      }
      guard case .failed(let failure) = state.withLock({ $0 }) else { return }
      try? await Task.sleep(for: Self.retry)
      if failure.kind == .disk && !Task.isCancelled { reopen() }
    }
  }

  /// Opens the ledger anew, when there is room; RocksDB then writes what its logs hold to new files, so that nothing is
  /// believed to be on the device that is not.
  private func reopen() {
    do {
      let room = try FileSystem.room(at: volume.path)
      guard room.available >= Self.roomToGoOn else { return }
      let core = try NodeCore(volume: volume, settings: settings, genesis: nil, book: book, pool: pool, log: log)
      state.withLock { $0 = .running(core) }
      log.notice("the database is open again")
    } catch {
      let failure = NodeFailure(error)
      if failure.kind == .corrupt { state.withLock { $0 = .failed(failure) } }
      log.error("the database cannot be opened again yet", metadata: ["why": "\(failure.error)"])
    }
  }

  // MARK: - For peers

  func followerConnected(_ link: FollowerLink) async throws { try await current().followerConnected(link) }
  func followerSaid(_ message: FollowerMessage, on link: FollowerLink) async throws {
    try await current().followerSaid(message, on: link)
  }
  func followerSubmitted(_ entries: [[UInt8]], on link: FollowerLink) async throws {
    try await current().followerSubmitted(entries, on: link)
  }
  func followerGone(_ link: FollowerLink) async { await (try? core)?.followerGone(link) }
  func inspect(_ heights: [UInt64]) async throws -> (Position, [BlockID]) { try await core.inspect(heights) }
  func blocks(from height: UInt64, limit: Int) async throws -> [[UInt8]] {
    try await core.blocks(from: height, limit: limit)
  }

  private func current() throws -> NodeCore {
    do {
      return try core
    } catch {
      throw PeerFault(.unavailable, "its database has failed")
    }
  }
}
