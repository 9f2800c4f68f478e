import Chain
import Foundation
import GoudCore
import Logging
import Replication
import Synchronization
import TestSupport

@testable import Node

/// So many networks at a time: nodes give up on each other after seconds, which two processors cannot give to sixty.
private let turns = Turns(2)

/// A network of real nodes in this process: real ledgers, real gRPC over loopback, without the HTTP side.
actor Cluster {
  let root: String
  let names: [String]
  let genesis: Block
  let keys: [String: ValidatorKey]
  let ports: [String: Int]
  let writeAcks: Int?
  /// Bytes; nil: no bound.
  let accountQuota: UInt64?
  /// What a node finds available on its disk, in bytes; absent: all the room in the world.
  nonisolated let available = Mutex<[String: Int64]>([:])
  private var running: [String: RunningNode] = [:]

  struct RunningNode {
    let host: NodeHost
    let task: Task<Void, any Error>
  }

  private init(_ root: String, _ count: Int, writeAcks: Int?, accountQuota: UInt64?) throws {
    self.root = root
    self.accountQuota = accountQuota
    self.writeAcks = writeAcks
    names = (1...count).map { "node\($0)" }
    let keys = Dictionary(uniqueKeysWithValues: names.map { ($0, ValidatorKey.generate()) })
    self.keys = keys
    let genesis = try Genesis(
      network: "test", validators: names.map { .init(name: $0, publicKey: keys[$0]!.publicKey) })
    self.genesis = try genesis.block(key: keys["node1"]!, time: PeerClock.now())
    // Held until all are known, so that they are different ones.
    let sockets = try names.map { _ in try ListeningSocket(HostPort(host: "127.0.0.1", port: 0)) }
    ports = Dictionary(uniqueKeysWithValues: zip(names, sockets.map(\.address.port)))
  }

  /// A freshly founded network whose nodes are not running yet; everything is stopped and removed afterwards.
  static func with(
    nodes count: Int = 3, writeAcks: Int? = nil, accountQuota: UInt64? = nil,
    _ body: @Sendable (Cluster) async throws -> Void
  ) async throws {
    await turns.take()
    defer { turns.give() }
    try await withTemporaryDirectory { root in
      let cluster = try Cluster(root, count, writeAcks: writeAcks, accountQuota: accountQuota)
      let beginning = VolumeStanding.newBeginning()
      for name in cluster.names { try cluster.found(name, beginning: beginning) }
      do {
        try await body(cluster)
      } catch {
        await cluster.stopAll()
        throw error
      }
      await cluster.stopAll()
    }
  }

  static let diskReserve: Int64 = 128 << 20

  nonisolated func volume(_ name: String) -> String { "\(root)/\(name)_data" }

  /// Makes a node's volume anew.
  /// - Parameter beginning: nil: a volume that counts for nothing.
  nonisolated func found(_ name: String, beginning: [UInt8]?) throws {
    try? FileManager.default.removeItem(atPath: volume(name))
    try FileManager.default.createDirectory(atPath: volume(name), withIntermediateDirectories: true)
    try keys[name]!.write(to: "\(volume(name))/validator_key")
    if let beginning {
      try VolumeStanding(.member, beginning: beginning, reason: "founded").write(in: volume(name))
    }
  }

  func start(_ names: String..., overrideRejoin: Int? = nil) throws {
    for name in names.isEmpty ? self.names : names { try start(name, overrideRejoin) }
  }

  private func start(_ name: String, _ overrideRejoin: Int?) throws {
    let peers = names.filter { $0 != name }.map {
      PeerAddress(name: $0, address: HostPort(host: "127.0.0.1", port: ports[$0]!))
    }
    var settings = NodeSettings(name: name, peers: peers, writeAcks: writeAcks, overrideRejoin: overrideRejoin)
    settings.diskReserve = Self.diskReserve
    settings.accountQuota = accountQuota
    settings.roomFigures = { [self] in
      DiskRoom.Figures(available: available.withLock { $0[name] ?? .max / 2 }, pending: 0)
    }
    var log = Logger(label: name)
    log.logLevel = ProcessInfo.processInfo.environment["GOUD_TEST_LOG"] == nil ? .critical : .debug
    let pool = ReaderPool(threads: 2, waiting: 256)
    let host = try NodeHost(
      volume: NodeVolume(volume(name)), settings: settings, genesis: genesis.encoded, pool: pool, log: log)
    let socket = try ListeningSocket(HostPort(host: "127.0.0.1", port: ports[name]!))
    let server = PeerServer(PeerService(identity: host.identity, host: host, book: host.book), on: socket)
    let task = Task { try await race({ try await host.run() }, { try await server.run() }) }
    running[name] = RunningNode(host: host, task: task)
  }

  /// Stops a node as SIGTERM would. What it has not told anybody is lost.
  func stop(_ names: String...) async {
    for name in names {
      guard let node = running.removeValue(forKey: name) else { continue }
      node.task.cancel()
      _ = await node.task.result
    }
  }

  func stopAll() async {
    for name in names { await stop(name) }
  }

  func host(_ name: String) throws -> NodeHost {
    guard let node = running[name] else { throw TestFailure("\(name) is not running") }
    return node.host
  }

  func ledger(_ name: String) throws -> Ledger { try host(name).core.ledger }

  /// An account's entry; a fresh one every time.
  static func account() -> Entry {
    .account(Account(id: random(16), keyHash: random(32), created: PeerClock.now())!)
  }

  static func data(of account: Entry, bytes: Int = 1024) -> Entry {
    guard case .account(let account) = account else { fatalError("not an account") }
    return .data(
      SealedData(id: random(16), account: account.id, label: [1], payload: random(bytes), created: PeerClock.now())!)
  }

  static func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: .min ... .max) } }

  /// Submits at a node, again while it refuses, for a minute at most.
  @discardableResult
  func submit(_ entry: Entry, at name: String = "node1") async throws -> EntryPlace {
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      do {
        return try await host(name).core.submit(entry, before: deadline)
      } catch let error as GoudError {
        guard ContinuousClock.now < deadline else { throw error }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  /// One attempt, for some seconds.
  func attempt(_ entry: Entry, at name: String = "node1", for time: Duration = .seconds(5)) async throws -> EntryPlace {
    try await host(name).core.submit(entry, before: .now + time)
  }

  func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
      guard ContinuousClock.now < deadline else { throw TestFailure("waited a minute for \(what)") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// Waits until every running node has acknowledged up to `height`.
  func waitUntilAcknowledged(_ height: UInt64) async throws {
    try await waitUntil("block \(height) to be acknowledged everywhere") {
      try running.keys.allSatisfy { try ledger($0).acknowledged >= height }
    }
  }
}
