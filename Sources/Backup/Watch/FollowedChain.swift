import Archive
import Chain
import VolumeSnapshot

/// How far the chain in a followed volume reaches: in the repository, and as far as its logs were seen.
struct FollowedChain: Equatable {
  /// Its id.
  let chain: String
  /// The database that it lies in, by path in the volume.
  let database: String
  /// Of the newest block that is in the repository.
  private(set) var stored: UInt64
  /// Of the newest block that was seen; nil when a write could not be read.
  private(set) var seen: UInt64?

  /// - Parameters:
  ///   - volume: as it was committed.
  ///   - isFollowed: whether anything is seen of what is written.
  /// - Returns: nil when it holds no chain.
  init?(_ volume: BackupMetadata.Volume?, isFollowed: Bool) {
    guard let volume, let noted = volume.chain, let height = UInt64(exactly: noted.height),
      let database = volume.databases.first(where: { Set(Ledger.families).isSubset(of: $0.columnFamilies) })
    else { return nil }
    (chain, self.database, stored) = (noted.id, database.path, height)
    seen = isFollowed ? height : nil
  }

  /// What was added to its logs.
  mutating func look(_ growths: [DatabaseFollower.Growth]) {
    for growth in growths where seen != nil {
      let isRead = LogWrites.each(of: growth) { put in
        if let height = LedgerTrace.height(family: put.family, key: put.key, value: put.value) { seen = height }
      }
      if !isRead { seen = nil }
    }
  }

  /// What was seen is in the repository.
  mutating func store() { stored = seen ?? stored }

  /// Blocks that were seen and are in the repository of no volume of their chain.
  /// - Returns: nil when there is no chain, or the height of one is not known.
  static func blocksAtRisk(_ chains: [FollowedChain]) -> UInt64? {
    guard !chains.isEmpty else { return nil }
    var sum: UInt64 = 0
    for own in Dictionary(grouping: chains, by: \.chain).values {
      let heights = own.compactMap(\.seen)
      guard heights.count == own.count, let seen = heights.max(), let stored = own.map(\.stored).max() else {
        return nil
      }
      // A volume's logs say whatever its owner wrote there.
      let (more, overflow) = sum.addingReportingOverflow(seen > stored ? seen - stored : 0)
      sum = overflow ? .max : more
    }
    return sum
  }
}
