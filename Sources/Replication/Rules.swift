/// The rules that the canaries switch off one by one. Everywhere else all of them hold.
package struct Rules: OptionSet, Sendable {
  package var rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// A block is acknowledged when enough disks have it.
  package static let majority = Rules(rawValue: 1 << 0)
  /// A follower promises only what is higher than what it promised.
  package static let promises = Rules(rawValue: 1 << 1)
  /// The authority holds everything of its quorum before it produces.
  package static let catchUp = Rules(rawValue: 1 << 2)
  /// A rejoining disk counts for nothing.
  package static let rejoining = Rules(rawValue: 1 << 3)
  /// Only blocks of the current epoch are counted.
  package static let currentEpoch = Rules(rawValue: 1 << 4)
  /// Members of another beginning are not counted, not fed.
  package static let beginnings = Rules(rawValue: 1 << 5)
  /// An epoch is opened twice.
  package static let confirmation = Rules(rawValue: 1 << 6)
  /// Members obey no volume of the authority that was replaced.
  package static let reigns = Rules(rawValue: 1 << 7)
  /// A node counts again only with a block that was acknowledged without it after its return.
  package static let admission = Rules(rawValue: 1 << 8)

  /// Only what is synced is counted.
  package static let synced = Rules(rawValue: 1 << 9)
  /// What is acknowledged is never given up.
  package static let keeping = Rules(rawValue: 1 << 10)
  /// No epoch that others name is believed beyond `EpochReach`.
  package static let reach = Rules(rawValue: 1 << 11)

  /// A volume that lacks what its node has told others is a member no more.
  package static let progress = Rules(rawValue: 1 << 12)

  /// A follower's blocks tell an authority what its volume has forgotten.
  package static let witnesses = Rules(rawValue: 1 << 13)

  /// Of two nodes, the authority leads with the follower, unless that one's disk counts for nothing.
  package static let pair = Rules(rawValue: 1 << 14)

  package static let all: Rules = Rules(rawValue: (1 << 15) - 1)
}
