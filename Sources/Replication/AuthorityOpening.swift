import GoudCore

// From the start of an epoch to the moment the authority leads.

extension AuthorityMachine {
  /// How many blocks are asked for at a time.
  static let fetchLimit = 1024

  /// Opens an epoch above everything heard of.
  mutating func open(_ chain: some ChainReader) {
    proof = nil
    let known = max(epoch.number, heard)
    guard let next = reach.next(after: known) else { return halt(.noEpochLeft(promised: known)) }
    epoch.number = next
    round = 1
    phase = .gathering
    producing = false
    actions.append(.persistPromise(epoch))
    actions.append(.report(.opened(epoch)))
    for index in followers.indices {
      followers[index].reset()
      ask(index)
    }
    gather(chain)
  }

  /// A volume that rejoins begins a new reign, a member goes on with the one it has.
  var reign: Epoch { record.standing == .member ? record.presentReign : epoch }

  mutating func meet(_ introduction: Introduction, _ connection: Connection, _ chain: some ChainReader) {
    guard let index = followers.firstIndex(where: { $0.node == introduction.node }) else {
      actions.append(.send(.refusal(Refusal(.unknownNode)), to: connection))
      actions.append(.drop(connection, .unknownNode))
      return
    }
    if let old = followers[index].connection {
      actions.append(.drop(old, .replaced))
      lose(index, chain)
    }
    let known = followers[index].position
    followers[index].connect(connection)
    followers[index].position = introduction.position
    followers[index].locator = introduction.locator
    let forgotten =
      rules.contains(.witnesses) ? followers[index].resume(introduction.position, leading: isLeading, chain) : nil
    if followers[index].hasForgotten, let forgotten {
      actions.append(.report(.forgotten(node: introduction.node, forgotten)))
    }
    if known.map({ $0.isSameVolume(as: introduction.position) }) != true { followers[index].setApart = nil }
    ask(index)
    judge(index, chain)
    gather(chain)
    // What was adopted rests on promises, and this one does not hold.
    if isCatchingUp, forgotten != nil, ballot.followers.contains(index) { regather(chain) }
  }

  private var isCatchingUp: Bool {
    switch phase {
    case .fetching, .settling: true
    case .gathering, .confirming, .leading, .halted: false
    }
  }

  mutating func lose(_ index: Int, _ chain: some ChainReader) {
    let connection = followers[index].connection
    followers[index].connect(nil)
    switch phase {
    case .gathering: gather(chain)
    case .confirming: confirm(chain)
    case .fetching(let fetch, _) where fetch.connection == connection: regather(chain)
    default: break
    }
  }

  /// A member of another beginning than this member's.
  func isForeign(_ follower: FollowerProgress) -> Bool {
    guard rules.contains(.beginnings), record.standing == .member, let position = follower.position else {
      return false
    }
    return position.standing == .member && position.beginning != record.beginning
  }

  /// Asks for a promise, unless the follower's beginning is another one: `judge` decides about those, when the
  /// authority leads.
  mutating func ask(_ index: Int, demand: OpenEpoch.Demand = .none) {
    let follower = followers[index]
    let demand = follower.hasForgotten ? .rejoin : demand
    guard let connection = follower.connection, demand == .rejoin || !isForeign(follower) else { return }
    let beginning = record.standing == .member ? record.beginning : []
    let open = OpenEpoch(
      epoch: epoch, reign: reign, round: round, standing: record.standing, beginning: beginning, demand: demand)
    actions.append(.send(.openEpoch(open), to: connection))
  }

  mutating func hear(_ promise: Promise, _ index: Int, _ chain: some ChainReader) {
    guard promise.epoch == epoch else { return }
    if promise.position.head.epoch >= epoch.number, phase == .gathering || phase == .confirming {
      // A rejoining disk, which promises anything: an override may take it in, so its blocks must be the older ones.
      followers[index].position = promise.position
      return open(above: promise.position.head.epoch, chain)
    }
    if promise.position.standing == .rejoining {
      (followers[index].told, followers[index].hasForgotten) = (FollowerProgress.Told(), false)
    } else {
      followers[index].told.add(promise: promise.epoch, promise.position)
    }
    followers[index].promised = true
    followers[index].raises = 0
    followers[index].confirmed = promise.round == round
    followers[index].position = promise.position
    followers[index].locator = promise.locator
    followers[index].refusal = nil
    switch phase {
    case .gathering: gather(chain)
    case .confirming: confirm(chain)
    case .leading: feed(index, chain)
    default: break
    }
  }

  mutating func hear(_ refusal: Refusal, _ index: Int, _ chain: some ChainReader) {
    followers[index].refusal = refusal
    switch refusal.code {
    case .promised where refusal.promised >= epoch.number && !isForeign(followers[index]):
      hearPromised(refusal.promised, index, chain)
    case .otherReign:
      actions.append(.report(.replaced(by: followers[index].node)))
      gather(chain)
    case .acknowledgedBlock:
      let position = followers[index].position
      let acknowledged = max(position?.acknowledged ?? 0, refusal.height)
      let head = max(position?.head.height ?? 0, acknowledged)
      setApart(index, from: refusal.height, acknowledged: acknowledged, head: head)
    default: break
    }
  }

  /// A correct follower says no more than is believed at once. One that is far ahead has the numbers climb; one that only
  /// has them climb is let go.
  private mutating func hearPromised(_ number: UInt64, _ index: Int, _ chain: some ChainReader) {
    if case .halted = phase { return }
    guard !rules.contains(.reach) || number <= reach.limit(above: epoch.number), followers[index].raises < reach.raises
    else { return letGo(index, chain) }
    followers[index].raises += 1
    open(above: number, chain)
  }

  /// Of what is too far above to be believed, as much as is.
  private mutating func open(above number: UInt64, _ chain: some ChainReader) {
    heard = max(heard, rules.contains(.reach) ? min(number, reach.limit(above: epoch.number)) : number)
    open(chain)
  }

  /// The end of a connection on which something came that no correct follower says.
  mutating func letGo(_ index: Int, _ chain: some ChainReader) {
    guard let connection = followers[index].connection else { return }
    actions.append(.send(.refusal(Refusal(.malformed)), to: connection))
    actions.append(.drop(connection, .malformed))
    lose(index, chain)
  }

  // MARK: - Quorum

  /// Whose disk counts, among those that are connected.
  func counts(_ follower: FollowerProgress) -> Bool {
    guard let position = follower.position, follower.setApart == nil, !follower.hasForgotten else { return false }
    guard rules.contains(.rejoining) else { return true }
    return position.standing == .member && !isForeign(follower)
  }

  var ownDiskCounts: Bool { record.standing == .member || !rules.contains(.rejoining) }

  /// Whom the authority could lead with at present; perhaps not enough.
  var candidates: Ballot {
    let promised = followers.indices.filter { followers[$0].promised }
    let members = promised.filter { counts(followers[$0]) }
    if ownDiskCounts {
      let beginning = record.standing == .member ? record.beginning : members.first.flatMap(beginning(of:)) ?? []
      let need = leadsAloneOnlyWithoutMember ? 1 : network.membersToLead - 1
      return Ballot(followers: members, need: need, beginning: beginning)
    }
    var best = Ballot(followers: [], need: network.othersToLead, beginning: [])
    for beginning in members.compactMap(beginning(of:)) {
      let same = members.filter { self.beginning(of: $0) == beginning }
      if same.count > best.followers.count { (best.followers, best.beginning) = (same, beginning) }
    }
    guard let override, override.told || best.followers.count < best.need else { return best }
    return Ballot(followers: promised, need: override.others, beginning: override.beginning, overriding: true)
  }

  /// Of two nodes, each has every acknowledged block. Should the authority's disk be an old one all the same, the follower
  /// has them: the authority goes without it only when it is there, and its disk counts for nothing.
  private var leadsAloneOnlyWithoutMember: Bool {
    rules.contains(.pair) && network.membersToLead < network.acknowledgements
      && followers.allSatisfy { $0.connection == nil || counts($0) }
  }

  private func beginning(of index: Int) -> [UInt8]? { followers[index].position?.beginning }

  /// Enough have promised: ask them all once more. Until the second answers are there, one of the first may come from
  /// a disk that was lost since, and whose node has promised nothing to anyone.
  mutating func gather(_ chain: some ChainReader) {
    let candidates = candidates
    guard phase == .gathering, candidates.followers.count >= candidates.need else { return }
    if candidates.overriding {
      // Whoever is here has its say: a follower that is told to join counts with the blocks it has, so the chain that
      // the new beginning starts from must be chosen with them in view, also when the epoch is opened once more.
      guard followers.allSatisfy({ $0.connection == nil || $0.promised || $0.refusal?.code == .otherReign }) else {
        return
      }
      override?.told = true
    }
    guard round < .max else { return open(chain) }
    ballot = candidates
    phase = .confirming
    round += 1
    for index in ballot.followers {
      followers[index].confirmed = !rules.contains(.confirmation)
      let demand = ballot.overriding ? OpenEpoch.Demand.join(beginning: ballot.beginning) : .none
      if rules.contains(.confirmation) { ask(index, demand: demand) }
    }
    confirm(chain)
  }

  mutating func confirm(_ chain: some ChainReader) {
    guard phase == .confirming else { return }
    let present = ballot.followers.filter { followers[$0].promised }
    guard present.count >= ballot.need else { return regather(chain) }
    let confirmed = present.filter { followers[$0].confirmed }
    // Who was told to join a new beginning is not left behind with blocks of its own.
    let need = ballot.overriding ? present.count : ballot.need
    if confirmed.count >= need { adopt(from: confirmed, chain) }
  }

  mutating func regather(_ chain: some ChainReader) {
    phase = .gathering
    gather(chain)
  }

  // MARK: - Catching up

  /// Takes on the greatest chain among those who promised.
  private mutating func adopt(from confirmed: [Int], _ chain: some ChainReader) {
    let heads = confirmed.compactMap { followers[$0].position?.head }
    guard rules.contains(.catchUp), let best = heads.max() else { return settle(on: chain.head, chain) }
    if best.epoch >= epoch.number { return open(above: best.epoch, chain) }
    if chain.block(at: best.height) == best || (ownDiskCounts || ballot.overriding) && !(chain.head < best) {
      return settle(on: chain.head, chain)
    }
    guard let source = confirmed.first(where: { followers[$0].position?.head == best }),
      let connection = followers[source].connection
    else { return regather(chain) }
    guard let common = chain.common(with: followers[source].locator) else {
      actions.append(.drop(connection, .otherChain))
      return lose(source, chain)
    }
    guard common.height < best.height else { return letGo(source, chain) }
    let fetch = Fetch(
      connection: connection, node: followers[source].node, after: common, through: best.height,
      limit: Self.fetchLimit)
    phase = .fetching(fetch, target: best)
    actions.append(.fetch(fetch))
  }

  mutating func take(_ blocks: [BlockID], _ fetch: Fetch, _ chain: some ChainReader) {
    if let proof, fetch == proof.fetch { return weigh(blocks, proof, chain) }
    guard case .fetching(fetch, let target) = phase else { return }
    guard let last = blocks.last, blocks.follow(fetch.after, upTo: target.epoch), last.height <= target.height,
      last.height < target.height || last == target
    else { return abandon(fetch, chain) }
    if forgets(blocks, chain) { return }
    if case .new(let first, let keep) = Extension(blocks, on: chain) {
      if keep < acknowledged, rules.contains(.keeping) {
        // Before it has shown the head that it claims, its word alone stops nothing.
        guard last == target else { return abandon(fetch, chain) }
        return halt(.acknowledgedBlock(height: keep + 1, acknowledged: acknowledged))
      }
      if keep < chain.head.height {
        synced = min(synced, keep)
        actions.append(.truncate(above: keep))
      }
      actions.append(.append(Array(blocks[first...])))
    }
    guard last != target else { return settle(on: target, chain) }
    var next = fetch
    next.after = last
    phase = .fetching(next, target: target)
    actions.append(.fetch(next))
  }

  // MARK: - What the own volume has forgotten

  /// A block that this authority signed, in an epoch that its own volume knows nothing of: an old copy of it was put back,
  /// and what it acknowledged since may be on one other disk alone. What this process has made is in its chain.
  private mutating func forgets(_ blocks: [BlockID], _ chain: some ChainReader) -> Bool {
    guard rules.contains(.witnesses), record.standing == .member,
      let strange = blocks.last(where: { $0.epoch > remembered && chain.block(at: $0.height) != $0 })
    else { return false }
    actions.append(.report(.forgotten(node: nil, .epoch(strange.epoch, has: remembered))))
    record.standing = .rejoining
    actions.append(.persistStanding(record, reason: .forgotten))
    // Who holds what this chain lacks is who is needed now.
    for index in followers.indices { followers[index].setApart = nil }
    open(chain)
    return true
  }

  /// Whether a follower is not to be fed yet: before it is made to give up a block of an epoch that the own volume knows
  /// nothing of, it shows that block. Its word alone counts for nothing, and without the block it is not fed: that block
  /// may be acknowledged, and the follower not know it.
  mutating func isToShowBlocks(_ index: Int, _ chain: some ChainReader) -> Bool {
    let follower = followers[index]
    guard rules.contains(.witnesses), !follower.examined, let connection = follower.connection,
      let position = follower.position, position.standing == .member, position.head.epoch > remembered,
      chain.block(at: position.head.height) != position.head, let common = chain.common(with: follower.locator)
    else { return false }
    guard proof == nil else { return true }
    let fetch = Fetch(
      connection: connection, node: follower.node, after: common, through: position.head.height,
      limit: Self.fetchLimit)
    proof = Proof(fetch: fetch, head: position.head)
    actions.append(.fetch(fetch))
    return true
  }

  /// Only while nothing was acknowledged in the place of these blocks.
  private mutating func weigh(_ blocks: [BlockID], _ proof: Proof, _ chain: some ChainReader) {
    let fetch = proof.fetch
    guard let last = blocks.last, blocks.follow(fetch.after, upTo: proof.head.epoch), last.height <= fetch.through,
      last.height < fetch.through || last == proof.head
    else { return abandon(fetch, chain) }
    let fork = proof.fork ?? blocks.first { chain.block(at: $0.height) != $0 }?.height
    let isOpen = fork.map { $0 > acknowledged } ?? true
    if isOpen, forgets(blocks, chain) { return }
    guard isOpen, last.height < fetch.through else { return examined(fetch, chain) }
    var next = fetch
    next.after = last
    self.proof = Proof(fetch: next, head: proof.head, fork: fork)
    actions.append(.fetch(next))
  }

  /// The follower has shown what it has; or it is gone.
  private mutating func examined(_ fetch: Fetch, _ chain: some ChainReader) {
    proof = nil
    if let index = index(of: fetch.connection) { followers[index].examined = true }
    feedAll(chain)
  }

  /// The follower that was to give its blocks did not: it is let go, and comes back when it can.
  mutating func abandon(_ fetch: Fetch, _ chain: some ChainReader) {
    let isProof = fetch == proof?.fetch
    if isProof { proof = nil }
    if isProof || isFetching(fetch), let index = index(of: fetch.connection) {
      actions.append(.drop(fetch.connection, .badBlock))
      lose(index, chain)
    }
    if isProof { feedAll(chain) }
  }

  private func isFetching(_ fetch: Fetch) -> Bool {
    if case .fetching(fetch, _) = phase { true } else { false }
  }

  private mutating func halt(_ fault: Fault) {
    phase = .halted(fault)
    actions.append(.report(.fault(fault)))
  }

  private mutating func settle(on block: BlockID, _ chain: some ChainReader) {
    phase = .settling(block)
    settle(chain)
  }

  mutating func settle(_ chain: some ChainReader) {
    if case .settling(let block) = phase, synced >= block.height { lead(chain) }
  }
}
