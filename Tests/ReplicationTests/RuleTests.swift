import GoudCore
import Testing

@testable import Replication

/// The cases that the rules were made for, message by message.
@Suite struct RuleTests {
  private let genesis = BlockID(height: 0, epoch: 0, hash: [0])
  private let beginning = [UInt8](repeating: 7, count: 16)
  private let nonce = [UInt8](repeating: 1, count: 16)

  private var chain: [BlockID] { [genesis] + (1...3).map { BlockID(height: $0, epoch: 1, hash: [UInt8($0)]) } }

  /// The trap: the authority comes back from an old backup, one follower never saw the last block, and the one that did
  /// is away. Two of three, and they would fork.
  @Test(arguments: [Rules.all, Rules.all.subtracting(.rejoining)])
  func restoredAuthorityWaitsForBothOthers(_ rules: Rules) {
    let disk = Disk(blocks: Array(chain.prefix(2)))
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]), rules: rules)
    let state = DurableState(promise: Epoch(number: 1, nonce: nonce), standing: .absent, acknowledged: 1)
    _ = authority.handle(.started(state, nonce: nonce), chain: disk)
    let actions = promise(&authority, disk, from: "node2", head: chain[2])
    #expect(actions.contains(where: isFetchOrProduce) == !rules.contains(.rejoining))
    #expect(authority.status.leading == false)
    guard rules == .all else { return }
    let more = promise(&authority, disk, from: "node3", head: chain[3], others: [Connection(2): chain[2]])
    #expect(more.contains { if case .fetch(let fetch) = $0 { fetch.node == "node3" } else { false } })
  }

  /// An old copy of the authority's volume, with nothing outside of it that tells: a follower has a block of an epoch that
  /// the copy knows nothing of. What was acknowledged after that block may be on the disk of the one that is away.
  @Test(arguments: [Rules.all, Rules.all.subtracting(.witnesses)])
  func authorityWithAnOldDiskIsToldByAFollowersBlock(_ rules: Rules) throws {
    let disk = Disk(blocks: Array(chain.prefix(2)))
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]), rules: rules)
    let record = StandingRecord(standing: .member, beginning: beginning, reign: .none)
    let state = DurableState(promise: Epoch(number: 1, nonce: nonce), standing: record, acknowledged: 1)
    _ = authority.handle(.started(state, nonce: nonce), chain: disk)
    let barrier = BlockID(height: 2, epoch: 2, hash: [22])
    let actions = promise(&authority, disk, from: "node3", head: barrier)
    let fetch = try #require(actions.lazy.compactMap { if case .fetch(let fetch) = $0 { fetch } else { nil } }.first)
    let more = authority.handle(.fetched(fetch, [barrier]), chain: disk)
    let forgotten = more.contains(.report(.forgotten(node: nil, .epoch(2, has: 1))))
    #expect(forgotten == rules.contains(.witnesses))
    #expect(authority.status.standing.standing == (rules.contains(.witnesses) ? .rejoining : .member))
    #expect(more.contains(.append([barrier])) == !rules.contains(.witnesses))
  }

  /// In a network of two the follower has every acknowledged block: an authority with an old disk, which may have started
  /// several times since, takes them from it. It leads alone with one that has nothing.
  @Test(arguments: [1, 7], [true, false]) func anAuthorityOfTwoWaitsForItsFollower(promised: UInt64, lost: Bool) throws
  {
    let disk = Disk(blocks: Array(chain.prefix(2)), acknowledged: 1)
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2"]))
    var state = state(disk)
    state.promise.number = promised
    _ = authority.handle(.started(state, nonce: nonce), chain: disk)
    #expect(authority.status.waiting == .promises(have: 1, need: 2, rejoining: false))
    guard !lost else {
      let nothing = Position(head: genesis, acknowledged: 0, standing: .rejoining, beginning: [], promised: 0)
      _ = demands(&authority, disk, of: "node2", nothing, on: 2)
      #expect(authority.status.leading)
      return
    }
    let actions = promise(&authority, disk, from: "node2", head: chain[3])
    let fetch = try #require(fetches(actions).first)
    #expect(fetch.after == chain[1] && fetch.through == 3)
    let more = authority.handle(.fetched(fetch, Array(chain[2...3])), chain: disk)
    #expect(more.contains(.append(Array(chain[2...3]))))
  }

  /// A follower that comes when the authority leads already: before it gives up blocks of an epoch that the authority's
  /// volume does not know, it shows them. Whether they are acknowledged it need not know, nor name the block below them.
  @Test(arguments: [true, false], [true, false])
  func aLeadingAuthorityIsToldByWhatAFollowerHas(shown: Bool, named: Bool) throws {
    let disk = Disk(blocks: Array(chain.prefix(2)), acknowledged: 1)
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    _ = authority.handle(.started(state(disk), nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node3", head: chain[1])
    #expect(authority.status.leading)
    let kept = (2...3).map { BlockID(height: $0, epoch: 2, hash: [UInt8(20 + $0)]) }
    let first = come(&authority, disk, kept[1], [kept[1]] + (named ? [chain[1]] : []) + [genesis], on: 2)
    let fetch = try #require(fetches(first).first)
    #expect(fetches(first).count == 1 && fetch.after == (named ? chain[1] : genesis) && fetch.through == 3)
    #expect(!first.contains { if case .send(.append, _) = $0 { true } else { false } }, "fed before it has shown them")
    let blocks = (named ? [] : [chain[1]]) + kept
    let more = authority.handle(shown ? .fetched(fetch, blocks) : .fetchFailed(fetch), chain: disk)
    // A word that is not shown to be true stops nothing; who does not keep it is let go, and may try again.
    #expect(more.contains(.report(.forgotten(node: nil, .epoch(2, has: 1)))) == shown)
    #expect(more.contains(.drop(Connection(2), .badBlock)) == !shown)
    #expect(authority.status.leading != shown)
    #expect(authority.status.standing.standing == (shown ? .rejoining : .member))
    let again = come(&authority, disk, kept[1], [kept[1], chain[1], genesis], on: 4)
    #expect(fetches(again).count == (shown ? 0 : 1))
    guard shown else { return }
    // It waits for the third, since that one may have more.
    #expect(authority.status.waiting == .promises(have: 1, need: 2, rejoining: true))
  }

  /// What was acknowledged in the place of the follower's blocks stays: it is set apart, or gives way.
  @Test func whatWasAcknowledgedInThePlaceOfAFollowersBlocksStays() throws {
    let disk = Disk(blocks: chain, acknowledged: 3)
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    _ = authority.handle(.started(state(disk), nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node3", head: chain[3])
    let other = (3...4).map { BlockID(height: $0, epoch: 2, hash: [UInt8(20 + $0)]) }
    let actions = come(&authority, disk, other[1], [other[1], chain[2], genesis], on: 2)
    let more = authority.handle(.fetched(try #require(fetches(actions).first), other), chain: disk)
    #expect(authority.status.standing.standing == .member && authority.status.leading)
    #expect(more.contains { if case .send(.append(let append), _) = $0 { append.previous == chain[2] } else { false } })
  }

  /// A follower whose disk went back in time under the eyes of an authority that it had told more.
  @Test(arguments: [Rules.all, Rules.all.subtracting(.witnesses)])
  func followerThatComesBackWithLessIsToRejoin(_ rules: Rules) throws {
    let disk = Disk(blocks: chain)
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]), rules: rules)
    let record = StandingRecord(standing: .member, beginning: beginning, reign: .none)
    let state = DurableState(promise: Epoch(number: 1, nonce: nonce), standing: record, acknowledged: 3)
    _ = authority.handle(.started(state, nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node2", head: chain[3])
    let stored = Stored(epoch: 2, head: chain[3], standing: .member)
    _ = authority.handle(.received(.stored(stored), from: Connection(2)), chain: disk)
    var old = position(chain[2])
    old.promised = 2
    let introduction = Introduction(node: "node2", position: old, locator: locator(chain[2]))
    let actions = authority.handle(.received(.introduction(introduction), from: Connection(7)), chain: disk)
    let demands = actions.compactMap { if case .send(.openEpoch(let open), _) = $0 { open.demand } else { nil } }
    #expect(demands == [rules.contains(.witnesses) ? .rejoin : .none])
    #expect(actions.contains(.report(.forgotten(node: "node2", .blocks(through: 3, has: 2)))) == (demands == [.rejoin]))
  }

  /// An introduction of an earlier connection, which the follower has left, says less than it has told since. It comes
  /// again as it is, and counts.
  @Test func aLateIntroductionIsNoReasonToRejoin() throws {
    let disk = Disk(blocks: chain)
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    _ = authority.handle(.started(state(disk), nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node2", head: chain[3])
    #expect(authority.status.leading)
    _ = demands(&authority, disk, of: "node2", position(chain[3]), on: 7)
    var whole = position(chain[3])
    whole.promised = 2
    #expect(demands(&authority, disk, of: "node2", whole, on: 8) == [.none])
  }

  /// A follower has promised to a new volume of the authority, lost its disk, and was filled by the old one, which counts
  /// it. The new one cannot fill it: had it to rejoin, nobody could ever lead. One that lacks blocks does not count.
  @Test(arguments: [true, false]) func anAuthorityThatDoesNotLeadHasAPromiseMadeAnew(blocksToo: Bool) throws {
    let disk = Disk(blocks: [genesis])
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    let lost = DurableState(promise: Epoch(number: 4, nonce: nonce), standing: .absent, acknowledged: 0)
    _ = authority.handle(.started(lost, nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node2", head: chain[2])
    let back = position(chain[blocksToo ? 1 : 3])
    #expect(demands(&authority, disk, of: "node2", back, on: 7) == [blocksToo ? .rejoin : .none])
    guard !blocksToo else { return }
    let answer = Promise(
      epoch: Epoch(number: authority.status.epoch, nonce: nonce), round: 1, position: back,
      locator: locator(back.head))
    _ = authority.handle(.received(.promise(answer), from: Connection(7)), chain: disk)
    #expect(authority.status.waiting == .promises(have: 1, need: 2, rejoining: true))
  }

  /// It has adopted a chain on the word of one that knows nothing of it any more: all of them are asked again.
  @Test func anAuthorityDoesNotLeadOnAPromiseThatIsForgotten() throws {
    let disk = Disk(blocks: [genesis])
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    let lost = DurableState(promise: Epoch(number: 4, nonce: nonce), standing: .absent, acknowledged: 0)
    _ = authority.handle(.started(lost, nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node2", head: chain[2])
    let actions = promise(&authority, disk, from: "node3", head: chain[2], others: [Connection(2): chain[2]])
    let fetch = try #require(actions.lazy.compactMap { if case .fetch(let fetch) = $0 { fetch } else { nil } }.first)
    // Not the one that is asked for its blocks.
    let other = fetch.node == "node2" ? "node3" : "node2"
    #expect(demands(&authority, disk, of: other, position(chain[3]), on: 7) == [.none])
    #expect(authority.status.waiting == .promises(have: 1, need: 2, rejoining: true))
    for block in chain[1...2] { disk.append(block) }
    let more = authority.handle(.fetched(fetch, Array(chain[1...2])), chain: disk)
    #expect(more.isEmpty && !authority.status.leading)
  }

  /// A volume of the authority that others have left behind tells no member to rejoin.
  @Test func aMemberIsToldToRejoinByWhomItAnswersToOnly() {
    let disk = Disk(blocks: chain)
    for (number, refusal) in [(1, Refusal(.promised, promised: 2)), (5, Refusal(.otherReign))] as [(UInt64, Refusal)] {
      var follower = member(disk, reign: Epoch(number: 2, nonce: nonce))
      var open = open(number, reign: Epoch(number: 0, nonce: beginning))
      open.demand = .rejoin
      let actions = follower.handle(.received(.openEpoch(open), from: Connection(1)), chain: disk)
      #expect(actions == [.reply(.refusal(refusal), to: Connection(1))])
    }
    // Its own authority does, and one of another beginning, whose epochs are others.
    for (number, beginning) in [(3, beginning), (1, nonce)] as [(UInt64, [UInt8])] {
      var follower = member(disk)
      var open = open(number, reign: Epoch(number: 0, nonce: beginning))
      (open.demand, open.beginning) = (.rejoin, beginning)
      _ = follower.handle(.received(.openEpoch(open), from: Connection(1)), chain: disk)
      #expect(follower.status.standing.standing == .rejoining)
    }
  }

  /// Two of three members, the authority among them, are enough after an ordinary restart.
  @Test func restartedAuthorityLeadsWithOneOther() {
    let disk = Disk(blocks: chain)
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    let record = StandingRecord(standing: .member, beginning: beginning, reign: .none)
    let state = DurableState(promise: Epoch(number: 1, nonce: nonce), standing: record, acknowledged: 3)
    #expect(!authority.handle(.started(state, nonce: nonce), chain: disk).contains(where: isFetchOrProduce))
    let actions = promise(&authority, disk, from: "node2", head: chain[2])
    #expect(actions.contains(.produce(epoch: 2)))
    #expect(authority.status.leading)
  }

  @Test func followerKeepsAnAcknowledgedBlockAndReportsIt() {
    let disk = Disk(blocks: chain, acknowledged: 3)
    var follower = member(disk)
    let other = BlockID(height: 3, epoch: 2, hash: [9])
    let append = Append(epoch: 2, previous: chain[2], blocks: [other], acknowledged: 2)
    let actions = follower.handle(.received(.append(append), from: Connection(1)), chain: disk)
    #expect(actions.contains(.report(.fault(.acknowledgedBlock(height: 3, acknowledged: 3)))))
    #expect(!actions.contains { if case .truncate = $0 { true } else { false } })
  }

  @Test func followerGivesUpATentativeSuffix() {
    let disk = Disk(blocks: chain, acknowledged: 2)
    var follower = member(disk)
    let other = BlockID(height: 3, epoch: 2, hash: [9])
    let append = Append(epoch: 2, previous: chain[2], blocks: [other], acknowledged: 2)
    let actions = follower.handle(.received(.append(append), from: Connection(1)), chain: disk)
    #expect(actions.prefix(2) == [.truncate(above: 2), .append([other])])
  }

  /// A volume of the founding that never led, beside one that has led since.
  @Test func followerRefusesAReplacedVolumeOfTheAuthority() {
    let disk = Disk(blocks: chain)
    let reign = Epoch(number: 2, nonce: nonce)
    var follower = member(disk, reign: reign)
    let old = Epoch(number: 0, nonce: beginning)
    let actions = follower.handle(.received(.openEpoch(open(5, reign: old)), from: Connection(1)), chain: disk)
    #expect(actions == [.reply(.refusal(Refusal(.otherReign)), to: Connection(1))])
  }

  @Test func followerRefusesALowerEpochAndSaysWhatItPromised() {
    let disk = Disk(blocks: chain)
    var follower = member(disk)
    let again = OpenEpoch(
      epoch: Epoch(number: 2, nonce: [UInt8](repeating: 3, count: 16)), reign: Epoch(number: 0, nonce: beginning),
      round: 1, standing: .member, beginning: beginning)
    let actions = follower.handle(.received(.openEpoch(again), from: Connection(1)), chain: disk)
    #expect(actions == [.reply(.refusal(Refusal(.promised, promised: 2)), to: Connection(1))])
  }

  /// "node3 holds 120 acknowledged blocks the restored network does not": reported, and never asked for a promise.
  @Test func memberOfAnotherBeginningIsSetApart() {
    let disk = Disk(blocks: Array(chain.prefix(2)))
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    let record = StandingRecord(standing: .member, beginning: beginning, reign: .none)
    let state = DurableState(promise: Epoch(number: 1, nonce: nonce), standing: record, acknowledged: 1)
    _ = authority.handle(.started(state, nonce: nonce), chain: disk)
    _ = promise(&authority, disk, from: "node2", head: chain[1])
    let position = Position(
      head: chain[3], acknowledged: 3, standing: .member, beginning: [UInt8](repeating: 6, count: 16), promised: 1)
    let introduction = Introduction(node: "node3", position: position, locator: chain.reversed())
    let actions = authority.handle(.received(.introduction(introduction), from: Connection(3)), chain: disk)
    #expect(actions.contains(.report(.setApart(node: "node3", SetApart(acknowledged: 2, blocks: 2)))))
    #expect(!actions.contains { if case .send(.openEpoch, _) = $0 { true } else { false } })
  }

  // MARK: -

  private func isFetchOrProduce(_ action: Action) -> Bool {
    switch action {
    case .fetch, .produce: true
    default: false
    }
  }

  private func open(_ number: UInt64, reign: Epoch) -> OpenEpoch {
    OpenEpoch(
      epoch: Epoch(number: number, nonce: nonce), reign: reign, round: 1, standing: .member, beginning: beginning)
  }

  /// A connected member that has promised epoch 2.
  private func member(_ disk: Disk, reign: Epoch = .none) -> FollowerMachine {
    var follower = FollowerMachine(node: "node2")
    let record = StandingRecord(standing: .member, beginning: beginning, reign: reign)
    let state = DurableState(promise: .none, standing: record, acknowledged: disk.acknowledged)
    _ = follower.handle(.started(state), chain: disk)
    _ = follower.handle(.connected(Connection(1)), chain: disk)
    let open = open(2, reign: record.presentReign)
    _ = follower.handle(.received(.openEpoch(open), from: Connection(1)), chain: disk)
    return follower
  }

  /// A member introduces itself; it and those before it answer whatever they are asked. All actions of the authority.
  private func promise(
    _ authority: inout AuthorityMachine, _ disk: Disk, from node: String, head: BlockID,
    others: [Connection: BlockID] = [:]
  ) -> [Action] {
    let connection = Connection(UInt64(node.last!.wholeNumberValue!))
    let heads = others.merging([connection: head]) { _, new in new }
    let introduction = Introduction(node: node, position: position(head), locator: locator(head))
    var all = authority.handle(.received(.introduction(introduction), from: connection), chain: disk)
    var next = 0
    while next < all.count {
      if case .send(.openEpoch(let open), let to) = all[next], let head = heads[to] {
        let promise = Promise(epoch: open.epoch, round: open.round, position: position(head), locator: locator(head))
        all += authority.handle(.received(.promise(promise), from: to), chain: disk)
      }
      next += 1
    }
    return all
  }

  private func fetches(_ actions: [Action]) -> [Fetch] {
    actions.compactMap { if case .fetch(let fetch) = $0 { fetch } else { nil } }
  }

  /// Node2 introduces itself, a member with this chain, and promises.
  private func come(
    _ authority: inout AuthorityMachine, _ disk: Disk, _ head: BlockID, _ locator: [BlockID], on connection: UInt64
  ) -> [Action] {
    var position = position(head)
    position.promised = 2
    let introduction = Introduction(node: "node2", position: position, locator: locator)
    let actions = authority.handle(.received(.introduction(introduction), from: Connection(connection)), chain: disk)
    let epoch = Epoch(number: authority.status.epoch, nonce: nonce)
    let promise = Promise(epoch: epoch, round: 1, position: position, locator: locator)
    return actions + authority.handle(.received(.promise(promise), from: Connection(connection)), chain: disk)
  }

  /// What a follower that introduces itself is asked.
  private func demands(
    _ authority: inout AuthorityMachine, _ disk: Disk, of node: String, _ position: Position, on connection: UInt64
  ) -> [OpenEpoch.Demand] {
    let introduction = Introduction(node: node, position: position, locator: locator(position.head))
    return authority.handle(.received(.introduction(introduction), from: Connection(connection)), chain: disk)
      .compactMap {
        if case .send(.openEpoch(let open), Connection(connection)) = $0 { open.demand } else { nil }
      }
  }

  /// Of the authority: a member that has promised epoch 1.
  private func state(_ disk: Disk) -> DurableState {
    let record = StandingRecord(standing: .member, beginning: beginning, reign: .none)
    return DurableState(
      promise: Epoch(number: 1, nonce: nonce), standing: record, acknowledged: disk.acknowledged)
  }

  private func position(_ head: BlockID) -> Position {
    Position(head: head, acknowledged: 0, standing: .member, beginning: beginning, promised: 1)
  }

  private func locator(_ head: BlockID) -> [BlockID] { chain.prefix(Int(head.height) + 1).reversed() }
}
