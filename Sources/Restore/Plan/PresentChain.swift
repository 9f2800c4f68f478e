public import Chain
import Foundation
public import GoudCore
import VolumeSnapshot
import Volumes

/// The chain that the volume at a place holds now, as far as it can be told: its database may be damaged, or open.
public enum PresentChain: Sendable {
  /// No ledger, or one that cannot be read any more.
  case unknown
  case chain(BlockHash)
  /// A ledger that a newer version of Goud wrote.
  case newer(GoudError)

  /// Looks at a snapshot, so that it does not matter whether a node has the volume open. Nothing is written beside it.
  /// - Throws: `run.interrupted`, `run.terminated`.
  init(of path: String, cancellation: Cancellation = Cancellation()) throws {
    self = .unknown
    for location in (try? DatabaseLocation.find(in: path)) ?? [] {
      do {
        var options = SnapshotOptions()
        options.proveOrders = false
        options.patience = .seconds(5)
        options.cancellation = cancellation
        let layout = try DatabaseLayout.find(location, volume: path)
        let snapshot = try DatabaseSnapshot.take(location, layout: layout, options: options)
        guard let facts = try snapshot.chainFacts() else { continue }
        self = .chain(facts.chain)
        return
      } catch let error as GoudError where error.code == .chainNewerSchema {
        self = .newer(error)
        return
      } catch {
        // What is damaged is what a restore is for; the identities are compared all the same.
        try cancellation.check()
      }
    }
  }
}
