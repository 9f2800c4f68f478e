import Chain

/// Which of several ledgers hold one and the same chain.
///
/// Below what two nodes both call acknowledged there is only one chain; above it they may differ until they have met
/// again, and that is no fault. Since each block names the hash of the one before it, one equal hash says that
/// everything below is equal.
///
/// Ledgers of another chain than most go first. Then, at every height that some node calls acknowledged, from the lowest
/// up, the block that most nodes hold prevails. Where the votes are equal, the authority's (the first validator's) counts
/// more, and where that does not decide, the greatest head does: (epoch, height), as the network itself would choose.
struct ChainAgreement {
  struct Member {
    /// `node1_data`
    let volume: String
    let facts: ChainFacts
    /// Looks up the block of a height, at most that of the head.
    let reference: (UInt64) throws -> BlockReference

    /// Whether it is the volume of the node that makes the blocks.
    var isAuthority: Bool { facts.validators.first.map { NodeName.of(volume) == $0 } ?? false }
  }

  struct Dissent: Equatable {
    let volume: String
    /// `its acknowledged block 12 is 3f09…, that of node1_data and node2_data is 7a11…`
    let reason: String
  }

  /// In the order given; each volume once.
  private(set) var agreeing: [Member]
  private(set) var dissenting: [Dissent] = []

  /// - Throws: what `reference` throws.
  init(_ members: [Member]) throws {
    agreeing = members
    separateChains()
    try separateBranches()
  }

  private mutating func separateChains() {
    guard let chain = Self.prevailing(agreeing, by: { $0.facts.chain }) else { return }
    let kept = Self.list(agreeing.filter { $0.facts.chain == chain })
    exclude {
      guard $0.facts.chain != chain else { return nil }
      return "it belongs to chain \($0.facts.chain.short), \(kept) to chain \(chain.short)"
    }
  }

  private mutating func separateBranches() throws {
    for height in Set(agreeing.map(\.facts.acknowledged)).sorted() {
      let voters = agreeing.filter { $0.facts.height >= height }
      let hashes = Dictionary(
        uniqueKeysWithValues: try voters.map { ($0.volume, try $0.reference(height).hash) })
      let bound = voters.filter { $0.facts.acknowledged >= height }
      guard Set(bound.map { hashes[$0.volume]! }).count > 1 else { continue }
      // A block that nobody calls acknowledged does not prevail, however many hold it.
      let candidates = Set(bound.map { hashes[$0.volume]! })
      let votes = voters.filter { candidates.contains(hashes[$0.volume]!) }
      guard let winner = Self.prevailing(votes, by: { hashes[$0.volume]! }) else { continue }
      let kept = Self.list(bound.filter { hashes[$0.volume] == winner })
      exclude { member in
        guard member.facts.acknowledged >= height, let own = hashes[member.volume], own != winner else { return nil }
        return "its acknowledged block \(height) is \(own.short), that of \(kept) is \(winner.short)"
      }
    }
  }

  private mutating func exclude(_ reason: (Member) -> String?) {
    dissenting += agreeing.compactMap { member in reason(member).map { Dissent(volume: member.volume, reason: $0) } }
    agreeing.removeAll { reason($0) != nil }
  }

  /// What most have; then what the authority has; then what the greatest head has.
  private static func prevailing<Key: Hashable>(_ members: [Member], by key: (Member) -> Key) -> Key? {
    Dictionary(grouping: members, by: key).max { weight($0.value) < weight($1.value) }?.key
  }

  private static func weight(_ group: [Member]) -> (Int, Int, UInt64, UInt64, String) {
    let head = group.map { ($0.facts.head.epoch, $0.facts.head.height) }.max { $0 < $1 } ?? (0, 0)
    let name = group.map(\.facts.head.hash.hex).max() ?? ""
    return (group.count, group.contains(where: \.isAuthority) ? 1 : 0, head.0, head.1, name)
  }

  private static func list(_ members: [Member]) -> String { members.map(\.volume).joined(separator: " and ") }
}

extension ChainAgreement.Member {
  init(volume: String, _ glance: LedgerGlance) {
    self.init(volume: volume, facts: glance.facts, reference: glance.reference(at:))
  }
}
