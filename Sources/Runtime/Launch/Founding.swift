import Chain
import Foundation
import GoudCore
public import Layout
import Synchronization
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// A network whose keys, genesis block and volumes are all there.
public struct FoundedNetwork: Sendable {
  public let home: NetworkHome
  public let environment: String
  /// The chain's id, 64 hexadecimal digits.
  public let chain: String
  /// The first is the authority.
  public let nodes: [String]
  /// What the operator should know, one line each: a volume that was missing and is made anew.
  public let notes: [String]
}

/// Makes a network, or finds what is there of it.
///
/// Kill-safe: `network/` appears whole, by one rename, before the first volume, and each volume appears whole; what is
/// missing after a kill is made at the next run, with the same keys.
public struct Founding: Sendable {
  let home: NetworkHome
  let environment: String
  let nodes: [String]
  /// Where volumes are made when the nodes are containers.
  var engineVolumes: DockerVolumes?
  /// Nodes are started beside each other: what they share is made by one at a time.
  let turn = Turn()

  final class Turn: Sendable {
    private let mutex = Mutex(())

    func take(_ body: () throws -> Void) rethrows { try mutex.withLock { _ in try body() } }
  }

  /// - Throws: `engine.unreachable` when `DOCKER_HOST` names no unix socket.
  public init(home: NetworkHome, plan: NetworkPlan) throws {
    self.init(home: home, environment: plan.environment, nodes: plan.nodes.map(\.name))
    guard plan.docker != nil else { return }
    engineVolumes = DockerVolumes(engine: try EngineClient(), home: home, environment: environment, nodes: nodes)
  }

  public init(home: NetworkHome, environment: String, nodes: [String]) {
    self.home = home
    self.environment = environment
    self.nodes = nodes
  }

  /// Founds the network when there is none; takes it over from its volumes when only they are there (a restore on a new
  /// machine); makes an empty volume, which rejoins, for a node whose volume is gone.
  /// - Throws: `volume.locked` while another run does the same; `network.differs` when the configuration names other
  ///   nodes; `network.volumes-lost` when every volume is gone; `restore.pending`; `chain.foreign`.
  public func prepare() throws -> FoundedNetwork {
    try home.create()
    let lock = try DirectoryLock(home.path)
    defer { withExtendedLifetime(lock) {} }
    try engineVolumes?.refresh()
    var record = try NetworkRecord.read(home)
    if record == nil {
      let present = try nodes.filter { try isPresent($0) }
      record = present.isEmpty ? try found() : try Adoption(self).adopt(present)
    }
    guard var record else { throw GoudError(.internalFault, "no network was made") }
    guard record.nodes == nodes else { throw differs(record) }
    let notes = try makeVolumes(record)
    for node in nodes { try makeProgress(node) }
    if !record.complete {
      record.complete = true
      try record.write(in: home.network)
    }
    return FoundedNetwork(home: home, environment: environment, chain: record.chain, nodes: nodes, notes: notes)
  }

  private func differs(_ record: NetworkRecord) -> GoudError {
    GoudError(
      .networkDiffers,
      "the network in \(home.path) has \(record.nodes.joined(separator: ", ")); the configuration names "
        + nodes.joined(separator: ", "),
      hint: "set NODES to what the network has: its validators are part of its chain",
      context: ["path": home.path])
  }

  // MARK: - A new network

  private func found() throws -> NetworkRecord {
    let keys = nodes.map { ($0, ValidatorKey.generate()) }
    let genesis: Block
    do {
      genesis = try Genesis(
        network: environment,
        validators: keys.map { Genesis.Validator(name: $0.0, publicKey: $0.1.publicKey) }
      ).block(key: keys[0].1, time: UInt64(Date().timeIntervalSince1970 * 1000))
    } catch let fault as ChainFault {
      throw GoudError(.usage, fault.error.message, hint: "see NODES and the environment's name")
    }
    let record = NetworkRecord(
      environment: environment, chain: genesis.hash.hex, nodes: nodes,
      beginning: Hex.text(VolumeStanding.newBeginning()), complete: false)
    try publish(record, genesis: genesis.encoded, keys: keys)
    return record
  }

  /// Puts `network/` in place, whole.
  func publish(_ record: NetworkRecord, genesis: [UInt8], keys: [(String, ValidatorKey)]) throws {
    let building = "\(home.path)/.network.new"
    try? FileManager.default.removeItem(atPath: building)
    let names = FoundedName(in: building)
    for directory in [building, names.keys] { try NetworkHome.create(directory) }
    for (node, key) in keys { try key.write(to: names.key(node)) }
    try AtomicFile.write(genesis, to: names.genesis, mode: 0o600)
    try record.write(in: building)
    KillPoint.reached("network is written")
    try Self.rename(building, home.network)
    KillPoint.reached("network is founded")
  }

  // MARK: - Volumes

  /// Makes the directory where a node notes how far it has come, in a network that was founded.
  func makeProgress(_ node: String) throws {
    guard try FileSystem.status(home.network) != nil else { return }
    try NetworkHome.create(home.progress(node))
  }

  /// Makes the volumes that are missing.
  /// - Returns: what to tell the operator.
  private func makeVolumes(_ record: NetworkRecord) throws -> [String] {
    var missing: [String] = []
    for node in nodes {
      guard try isPresent(node) else {
        missing.append(node)
        continue
      }
      try RestoreGate.check(home.volume(node))
    }
    guard !record.complete || missing.count < nodes.count else { throw lost() }
    for node in missing {
      let standing = record.complete ? nil : record.beginning.flatMap { Hex.bytes($0) }
      try makeVolume(node, beginning: standing)
    }
    guard record.complete else { return [] }
    return missing.map { "the volume of \($0) was gone; it is made anew and filled by its peers" }
  }

  /// A Docker volume that somebody made and left empty is none yet.
  private func isPresent(_ node: String) throws -> Bool {
    guard let engineVolumes else { return try FileSystem.status(home.volume(node)) != nil }
    return try !engineVolumes.isEmpty(node)
  }

  private func lost() -> GoudError {
    GoudError(
      .networkLost, "every volume of the network is gone from \(home.volumes)",
      hint: "goud restore FILE puts a backup in place; to found a new chain instead, move \(home.network) away",
      context: ["path": home.volumes])
  }

  private func makeVolume(_ node: String, beginning: [UInt8]?) throws {
    let place = try engineVolumes?.create(node) ?? home.volume(node)
    let building = "\(FileSystem.parent(of: place))/.\(node)_data.new"
    try? FileManager.default.removeItem(atPath: building)
    try NetworkHome.create(building)
    try ValidatorKey(path: home.key(node)).write(to: "\(building)/\(VolumeName.validatorKey)")
    if let beginning {
      try VolumeStanding(.member, beginning: beginning, reason: "founded").write(in: building)
    }
    KillPoint.reached("volume of \(node) is written")
    try Self.rename(building, place)
    KillPoint.reached("volume of \(node) is made")
  }

  /// Durable when it returns.
  private static func rename(_ from: String, _ to: String) throws {
    try FileSystem.synchronize(directory: from)
    guard Glibc.rename(from, to) == 0 else { throw GoudError.system("rename to", to) }
    try FileSystem.synchronize(directory: FileSystem.parent(of: to))
  }
}
