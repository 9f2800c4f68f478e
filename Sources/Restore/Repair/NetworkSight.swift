import Chain
import Foundation
import GoudCore
import Layout
import VolumeSnapshot
import Volumes

/// What this machine knows of the network that a damaged volume belongs to, without the damaged volume.
struct NetworkSight {
  /// nil when neither the network's home nor another volume holds it.
  let genesis: Block?
  /// The greatest height in the other volumes; nil when there is none with a chain.
  let height: UInt64?
  /// How many blocks a second can be read and checked here: an upper bound of how fast peers can feed a node. nil when
  /// there was nothing to measure with.
  let blocksPerSecond: Double?

  /// Blocks that are checked to measure, at most.
  private static let sample: UInt64 = 2000

  /// Reads only: other volumes as snapshots, so that their nodes are not disturbed.
  /// - Parameters:
  ///   - home: `$GOUD_HOME/<environment>/network`.
  ///   - volumes: the directory of the volumes.
  ///   - damaged: the name of the one that does not count.
  /// - Throws: `chain.invalid` for a genesis block in `home` that is none.
  init(home: String, volumes: String, without damaged: String, cancellation: Cancellation) throws {
    var genesis = try Self.genesis(at: FoundedName(in: home).genesis)
    var height: UInt64?
    var pace: Double?
    for volume in try VolumeCatalog(directory: volumes).list() where volume.name != damaged {
      try cancellation.check()
      guard let (glance, snapshot) = try? Self.look(volume, cancellation) else { continue }
      let facts = glance.facts
      guard genesis == nil || genesis?.hash == facts.chain else { continue }
      genesis = genesis ?? (try? glance.block(at: 0))
      height = max(height ?? 0, facts.height)
      if pace == nil { pace = try? Self.pace(glance) }
      withExtendedLifetime(snapshot) {}
    }
    self.genesis = genesis
    self.height = height
    blocksPerSecond = pace
  }

  private static func genesis(at path: String) throws -> Block? {
    guard try FileSystem.status(path) != nil else { return nil }
    let bytes = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW).readAll(limit: 4 << 20)
    do {
      let block = try Block(decoding: bytes, chain: nil)
      _ = try BlockRules(genesis: block)
      return block
    } catch {
      throw error.error.within(path)
    }
  }

  private static func look(
    _ volume: Volume, _ cancellation: Cancellation
  ) throws -> (LedgerGlance, DatabaseSnapshot)? {
    for location in try DatabaseLocation.find(in: volume.path) {
      var options = SnapshotOptions()
      options.proveOrders = false
      options.cancellation = cancellation
      let snapshot = try DatabaseSnapshot.take(
        location, layout: try DatabaseLayout.find(location, volume: volume.path), options: options)
      guard let glance = try snapshot.glance() else { continue }
      return (glance, snapshot)
    }
    return nil
  }

  /// Reads and checks the newest blocks, on one thread.
  private static func pace(_ glance: LedgerGlance) throws -> Double? {
    let facts = glance.facts
    guard facts.height > 0 else { return nil }
    let rules = try BlockRules(genesis: try glance.block(at: 0))
    let began = ContinuousClock.now
    let count = min(sample, facts.height)
    for height in (facts.height - count + 1)...facts.height { try rules.checkAlone(try glance.block(at: height)) }
    return Double(count) / max((ContinuousClock.now - began).seconds, 0.000_001)
  }
}
