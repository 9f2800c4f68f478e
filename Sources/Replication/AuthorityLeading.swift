import GoudCore

// What the authority does once its chain holds every acknowledged block.

extension AuthorityMachine {
  mutating func lead(_ chain: some ChainReader) {
    if record.standing == .rejoining { rejoin() }
    let start = chain.head.height + 1
    phase = .leading(start: start)
    actions.append(.report(.leading(epoch: epoch.number, start: start)))
    produce()
    for index in followers.indices {
      judge(index, chain)
      feed(index, chain)
    }
    advance(chain)
  }

  /// The own disk holds everything of the quorum: it counts from now on, under a reign of its own.
  private mutating func rejoin() {
    record = StandingRecord(standing: .member, beginning: ballot.beginning, reign: reign)
    remembered = epoch.number
    actions.append(.persistStanding(record, reason: ballot.overriding ? .overridden : .rejoined))
    if ballot.overriding {
      let members = ballot.followers.filter { followers[$0].confirmed }.map { followers[$0].node }
      actions.append(.report(.overridden(members: [network.authority] + members, beginning: ballot.beginning)))
    } else {
      actions.append(.report(.rejoined(node: network.authority)))
    }
    override = nil
  }

  private mutating func produce() {
    guard !producing else { return }
    producing = true
    actions.append(.produce(epoch: epoch.number))
  }

  // MARK: - Those of another beginning

  /// A member of another beginning whose head is in this chain has nothing that the network lacks: it may rejoin. Any
  /// other is set apart.
  mutating func judge(_ index: Int, _ chain: some ChainReader) {
    guard case .leading = phase, let connection = followers[index].connection, isForeign(followers[index]),
      let position = followers[index].position
    else { return }
    if chain.block(at: position.head.height) == position.head {
      followers[index].setApart = nil
      return ask(index, demand: .rejoin)
    }
    let fork = (chain.common(with: followers[index].locator)?.height ?? 0) + 1
    setApart(index, from: fork, acknowledged: position.acknowledged, head: position.head.height)
    actions.append(.send(.refusal(Refusal(.otherBeginning, height: fork)), to: connection))
  }

  /// `fork`: the first height that may differ. The counts are upper bounds, since a locator is sparse.
  mutating func setApart(_ index: Int, from fork: UInt64, acknowledged: UInt64, head: UInt64) {
    let last = fork.above(1)
    let apart = SetApart(acknowledged: acknowledged.above(last), blocks: head.above(last))
    if followers[index].setApart != apart {
      actions.append(.report(.setApart(node: followers[index].node, apart)))
    }
    followers[index].setApart = apart
  }

  // MARK: - Feeding

  mutating func feedAll(_ chain: some ChainReader) {
    for index in followers.indices { feed(index, chain) }
  }

  /// Sends what the window has room for; the first time also nothing at all, so that the follower knows how far its
  /// chain is the authority's.
  mutating func feed(_ index: Int, _ chain: some ChainReader) {
    let isFed = followers[index].sent != nil
    guard isLeading, followers[index].promised, !isForeign(followers[index]), isFed || !isToShowBlocks(index, chain)
    else { return }
    var follower = followers[index]
    guard follower.setApart == nil, let connection = follower.connection else { return }
    var first = false
    if follower.sent == nil {
      guard let common = chain.common(with: follower.locator) else {
        actions.append(.drop(connection, .otherChain))
        return lose(index, chain)
      }
      follower.sent = common
      follower.floor = common.height
      first = true
    }
    while let sent = follower.sent, first || sent.height < chain.head.height {
      let room = follower.floor.raised(by: FollowerProgress.window).above(sent.height)
      let count = min(FollowerProgress.batch, room, chain.head.height - sent.height)
      guard first || count > 0 else { break }
      let blocks = (0..<count).compactMap { chain.block(at: sent.height + 1 + $0) }
      let append = Append(epoch: epoch.number, previous: sent, blocks: blocks, acknowledged: acknowledged)
      actions.append(.send(.append(append), to: connection))
      follower.sent = blocks.last ?? sent
      first = false
    }
    followers[index] = follower
    prepareAdmission(index, chain)
  }

  // MARK: - Counting

  mutating func count(_ stored: Stored, _ index: Int, _ chain: some ChainReader) {
    guard case .leading = phase, stored.epoch == epoch.number, let sent = followers[index].sent else { return }
    guard stored.head.height <= sent.height else { return letGo(index, chain) }
    guard chain.block(at: stored.head.height) == stored.head else { return }
    followers[index].stored = max(followers[index].stored ?? 0, stored.head.height)
    followers[index].floor = max(followers[index].floor, stored.head.height)
    if counts(followers[index]) { followers[index].told.add(stored: stored.head) }
    if stored.standing == .member, followers[index].position?.standing == .rejoining, followers[index].admitted {
      followers[index].position?.standing = .member
      followers[index].position?.beginning = record.beginning
      actions.append(.report(.rejoined(node: followers[index].node)))
    }
    advance(chain)
    feed(index, chain)
  }

  /// Acknowledges what enough disks have, of this epoch and with it everything below.
  mutating func advance(_ chain: some ChainReader) {
    guard case .leading = phase else { return }
    let need = rules.contains(.majority) ? network.acknowledgements : 1
    var heights = followers.filter { counts($0) }.compactMap(\.stored)
    if ownDiskCounts { heights.append(rules.contains(.synced) ? synced : chain.head.height) }
    heights.sort(by: >)
    if heights.count >= need {
      let height = network.needsOwnDisk ? min(heights[need - 1], synced) : heights[need - 1]
      let current = chain.block(at: height)?.epoch == epoch.number || !rules.contains(.currentEpoch)
      if height > acknowledged, current { acknowledge(height) }
    }
    for index in followers.indices { admit(index) }
  }

  private mutating func acknowledge(_ height: UInt64) {
    acknowledged = height
    actions.append(.acknowledge(height))
    for follower in followers {
      guard let connection = follower.connection, follower.sent != nil else { continue }
      actions.append(.send(.acknowledged(Acknowledged(epoch: epoch.number, height: height)), to: connection))
    }
  }

  // MARK: - Admission

  /// A rejoining follower that was sent everything is let in with the next block: that it reaches enough other disks
  /// proves that nobody leads with a promise the follower made before it lost its disk.
  private mutating func prepareAdmission(_ index: Int, _ chain: some ChainReader) {
    let follower = followers[index]
    guard case .leading(let start) = phase, follower.position?.standing == .rejoining, follower.admission == nil,
      follower.sent == chain.head
    else { return }
    followers[index].admission = rules.contains(.admission) ? chain.head.height + 1 : start
    if rules.contains(.admission) { produce() }
    admit(index)
  }

  private mutating func admit(_ index: Int) {
    let follower = followers[index]
    guard let connection = follower.connection, let height = follower.admission, !follower.admitted else { return }
    let others = followers.indices.filter { $0 != index && counts(followers[$0]) }.compactMap { followers[$0].stored }
    let witnesses = (others + [synced]).count { $0 >= height }
    guard witnesses >= network.witnessesToAdmit else { return }
    followers[index].admitted = true
    let admission = Admission(epoch: epoch.number, height: height, beginning: record.beginning)
    actions.append(.send(.admission(admission), to: connection))
  }
}
