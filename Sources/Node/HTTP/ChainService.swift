public import Chain

/// What the HTTP side asks of the chain, whoever keeps it: one node alone, or one of a network.
public protocol ChainService: Sendable {
  /// How things stand. Cheap: called for every scrape and every health check, and before every write.
  var status: NodeStatus { get }

  /// The ledger, for reads at or below the acknowledged height.
  /// - Throws: `database.corrupt`, `node.not-ready` and the like when there is none to read from.
  var ledger: Ledger { get throws }

  /// Has an entry put into a block, and returns once that block is acknowledged and this node knows it, so that what a
  /// client was told is there when it asks the same node.
  /// - Parameters:
  ///   - entry: any but a genesis entry.
  ///   - deadline: when to give up waiting. The entry may still be acknowledged later.
  /// - Throws: `node.no-majority`, `node.not-ready`, `node.busy` when the entry was not taken at all;
  ///   `node.unacknowledged` when it was, and nobody knows yet what became of it.
  func submit(_ entry: Entry, before deadline: ContinuousClock.Instant) async throws -> EntryPlace
}
