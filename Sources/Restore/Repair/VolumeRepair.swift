public import Archive
import Backup
import Chain
import Foundation
public import GoudCore
import Layout
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Rebuilds a damaged or lost volume of a node, and keeps what is left of it as a safety copy.
///
/// The rebuilt volume keeps the node's key and secrets, rejoins the network, and counts for nothing before it has caught
/// up. Everything goes through `Restore`: built beside the volume, proven, swapped in, swapped back when the node does
/// not come up.
public struct VolumeRepair: Sendable {
  public enum Source: Sendable, Equatable {
    /// An empty volume with the network's genesis block; the other nodes feed it.
    case peers
    /// An archive, by its path.
    case backup(String)
    /// Whichever is estimated to be faster.
    case faster
  }

  public let environment: String
  /// `node2`
  public let node: String
  public let source: Source
  /// The directory of the environment's volumes, that of its network, and that of its backups.
  let volumes: String
  let home: String
  let backups: String
  /// What a backup must show before it is put in place.
  public var trust: ArchiveTrust
  /// `--replace-chain`: also when the volume that is there belongs to another chain.
  public var replaceChain = false
  public var runner: (any NodeRunner)?
  public var confirmationTimeout: Duration = .seconds(60)
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  /// - Parameters:
  ///   - node: its name, or its volume's.
  ///   - trust: what a backup must show before it is put in place.
  public init(_ configuration: GoudConfiguration, node: String, from source: Source, trust: ArchiveTrust) {
    self.init(
      environment: configuration.environment, node: node, from: source, volumes: configuration.volumesDirectory,
      home: "\(FileSystem.parent(of: configuration.volumesDirectory))/network", backups: configuration.backupDirectory,
      trust: trust)
  }

  init(
    environment: String, node: String, from source: Source, volumes: String, home: String, backups: String,
    trust: ArchiveTrust = .anything
  ) {
    self.environment = environment
    self.node = NodeName.of(node)
    self.source = source
    self.volumes = volumes
    self.home = home
    self.backups = backups
    self.trust = trust
  }

  /// - Parameter confirm: sees what will be done, and throws to end the run there.
  /// - Throws: `volume.not-found` for a node that the network does not have; `archive.not-found`; `chain.not-a-ledger`
  ///   when no genesis block is to be found; `chain.invalid-key` when there is no key for the node; `chain.foreign` for
  ///   a backup of another chain; and what `Restore.run` throws. The volume is then as it was.
  public func run(confirm: (RepairPlan) throws -> Void = { _ in }) throws -> RepairReport {
    let (plan, restore) = try prepare()
    return RepairReport(plan, try restore.run { _ in try confirm(plan) })
  }

  /// What `run` would do; touches nothing but a temporary file that measures the disk.
  public func plan() throws -> RepairPlan {
    let (plan, restore) = try prepare()
    _ = try restore.plan()
    return plan
  }

  private func prepare() throws -> (RepairPlan, Restore) {
    let sight = try NetworkSight(home: home, volumes: volumes, without: volume, cancellation: cancellation)
    let genesis = try sight.genesis.map { try Genesis(block: $0) }
    try refuseStranger(genesis)
    let place = try VolumePlace("\(volumes)/\(volume)")
    let backup = try backup(sight)
    let estimates = try estimate(backup, sight, place)
    let fromPeers = try choose(backup, estimates)
    let secrets = KeptSecrets(
      volume: place.path, home: home, node: node,
      publicKey: genesis?.validators.first { $0.name == node }?.publicKey)
    let source =
      fromPeers
      ? try peers(sight, genesis, secrets, place)
      : try RestoreSource.archive(backup!.path, trust: trust, cancellation: cancellation)
    let plan = RepairPlan(
      node: node, path: place.path, backup: fromPeers ? nil : backup?.path, peers: estimates.peers,
      fromBackup: estimates.backup, kept: secrets.origins, lost: Self.lost(secrets, fromPeers))
    return (plan, restore(source.keeping(secrets, in: volume)))
  }

  private var volume: String { "\(node)_data" }

  private func restore(_ source: RestoreSource) -> Restore {
    var request = RestoreRequest(target: .directory(volumes), volume: volume)
    // Its database may be unreadable, or another one that was built since the backup: it is kept.
    request.replaceForeign = true
    request.replaceRemains = true
    request.replaceChain = replaceChain
    request.reason = "repaired"
    var restore = Restore(request, from: source)
    restore.runner = runner
    restore.confirmationTimeout = confirmationTimeout
    restore.cancellation = cancellation
    restore.progress = progress
    return restore
  }

  private func refuseStranger(_ genesis: Genesis?) throws {
    guard let genesis, !genesis.validators.contains(where: { $0.name == node }) else { return }
    let known = genesis.validators.map(\.name).joined(separator: ", ")
    throw GoudError(.volumeNotFound, "the network has no node \(node)", hint: "it has \(known)")
  }

  /// What the new node makes anew.
  private static func lost(_ secrets: KeptSecrets, _ fromPeers: Bool) -> [String] {
    guard fromPeers else { return [] }
    return KeptSecrets.names.filter { secrets.files[$0] == nil }
  }
}

extension VolumeRepair {
  /// - Returns: the backup that was named, or the newest whole one of the volume; nil when there is none.
  private func backup(_ sight: NetworkSight) throws -> RepairBackup? {
    switch source {
    case .peers: return nil
    case .backup(let path):
      let metadata = try ArchiveReader.metadata(of: path)
      guard let part = metadata.volumes.first(where: { $0.name == volume }) else {
        throw GoudError(
          .volumeNotFound, "\(path) holds no \(volume)",
          hint: "it holds \(metadata.volumes.map(\.name).joined(separator: ", "))")
      }
      if let own = part.chain?.id, let chain = sight.genesis?.hash, own != chain.hex {
        throw GoudError(
          .chainForeign, "\(path) belongs to chain \(own.prefix(12)), the network to chain \(chain.short)",
          hint: "name a backup of this network", context: ["chain": own, "expected": chain.hex])
      }
      return RepairBackup(path: path, bytes: ByteCount(part.bytes), height: max(0, part.chain?.height ?? 0))
    case .faster:
      let points = RecoveryPoints(
        try BackupCatalog(directory: backups, trusting: trust.keys).list(), of: environment, counting: [.complete])
      return points.backups.lazy.compactMap { candidate -> RepairBackup? in
        guard let part = candidate.metadata?.volumes.first(where: { $0.name == volume }), let chain = part.chain,
          sight.genesis == nil || sight.genesis?.hash.hex == chain.id
        else { return nil }
        return RepairBackup(path: candidate.path, bytes: ByteCount(part.bytes), height: max(0, chain.height))
      }.first
    }
  }

  private func estimate(
    _ backup: RepairBackup?, _ sight: NetworkSight, _ place: VolumePlace
  ) throws -> (peers: RepairEstimate?, backup: RepairEstimate?) {
    guard source == .faster else { return (nil, nil) }
    return (
      sight.genesis == nil ? nil : RepairEstimate.peers(sight),
      try backup.map { try RepairEstimate.backup($0, sight, into: try place.nearestDirectory()) }
    )
  }

  /// - Returns: whether the peers are to rebuild the volume.
  private func choose(
    _ backup: RepairBackup?, _ estimates: (peers: RepairEstimate?, backup: RepairEstimate?)
  ) throws -> Bool {
    switch source {
    case .peers: true
    case .backup: false
    case .faster:
      // Nobody here to measure the peers by: what is at hand is surer.
      backup == nil || (estimates.peers.map { $0.seconds <= estimates.backup!.seconds } ?? false)
    }
  }

  private func peers(
    _ sight: NetworkSight, _ genesis: Genesis?, _ secrets: KeptSecrets, _ place: VolumePlace
  ) throws -> RestoreSource {
    guard let block = sight.genesis, let genesis else {
      throw GoudError(
        .chainNotALedger, "no genesis block is to be found: not in \(home), nor in another volume of \(volumes)",
        hint: "name a backup with --from FILE")
    }
    guard genesis.validators.count > 1 else {
      throw GoudError(.usage, "\(genesis.network) has no other node to rebuild from", hint: "pass --from FILE")
    }
    guard secrets.files[KeptSecrets.validatorKey] != nil else {
      throw GoudError(
        .chainKeyInvalid, "there is no key of \(node): not in \(place.path), nor in \(FoundedName(in: home).keys)",
        hint: "put \(FoundedName(in: home).key(node)) there, or name a backup with --from FILE")
    }
    return .empty(block, volume: volume, like: place.path)
  }
}

extension RestoreSource {
  /// A volume that holds the genesis block and nothing else.
  /// - Parameter model: a directory whose owner and mode it gets; without it, those of the directory it is built in.
  fileprivate static func empty(_ genesis: Block, volume: String, like model: String) -> RestoreSource {
    RestoreSource(
      name: "the genesis block", environment: nil, volumes: [.init(name: volume, files: 0, bytes: 0, databases: [])],
      isDescribed: false
    ) { building in
      for root in building.directories.values {
        let directory = FileSystem.parent(of: root)
        let status = try FileSystem.status(FileSystem.realPath(model) ?? model) ?? FileSystem.status(directory)
        if let status, FileSystem.mayChangeOwners, chown(root, status.st_uid, status.st_gid) != 0 {
          throw GoudError.system("chown", root)
        }
        _ = try Ledger(directory: "\(root)/\(VolumeName.database)", genesis: genesis)
        try Ownership.adopt("\(root)/\(VolumeName.database)", of: root)
        try Ownership.adopt(allIn: "\(root)/\(VolumeName.database)")
        try FileSystem.synchronize(directory: root)
      }
      return []
    }
  }

  /// The same, with a node's own secrets in the place of those that come with it.
  fileprivate func keeping(_ secrets: KeptSecrets, in volume: String) -> RestoreSource {
    var source = self
    let build = build
    source.build = {
      let warnings = try build($0)
      if let root = $0.directories[volume] { try secrets.write(in: root) }
      return warnings
    }
    return source
  }
}
