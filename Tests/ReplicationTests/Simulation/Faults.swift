import GoudCore

@testable import Replication

/// How much of what happens, in permille of the steps or of the occasions.
struct Profile {
  var nodes = 3
  /// nil: a majority.
  var acknowledgements: Int?
  var steps = 300
  var submit = 80
  var crash = 10
  /// Before each action.
  var crashInside = 2
  var restart = 80
  var breakOff = 15
  var cutOff = 6
  var heal = 30
  /// Of a volume: gone, or replaced by an old copy.
  var loss = 5
  /// Of the losses: how many are the authority's, beside its share of the others.
  var authorityLoss = 0
  /// Of the volumes of an authority that were lost: how many go on running somewhere.
  var zombies = 200
  /// Of the losses: how many may leave the network unable to go on by itself.
  var reckless = 50
  var copy = 20
  var restore = 2
  /// Snapshots of a disk, and disks that go back to one under their node.
  var snapshot = 0
  var putBack = 0
  /// Only the authority's disk goes back, and what is known of it outside goes with it: its followers know more.
  var putBackProgress = false
  /// Whether a restore of the whole network brings all volumes to one head, or marks them with the highest epoch.
  var restoreSettlesEpochs = true
  /// Of the sync steps of a node: how many do nothing. One per node, missing: 0.
  var slow: [Int] = []
  /// A node that says anything the protocol can carry; 0: the authority.
  var liar: Int?
  /// How often it says something unasked.
  var lies = 0
  /// Of what its machine says: how much has a number in it that is not true.
  var falseNumbers = 0
  var reach = EpochReach.standard
}

/// Copies of all volumes, taken one after the other while the nodes run.
struct Backup {
  /// What was acknowledged when the first was taken.
  var height: UInt64
  var copies: [Disk?]
  /// Whether the volume was a member's of the network's beginning.
  var members: [Bool]

  /// The lowest acknowledged height that a copy knows: a restore goes back to it.
  var acknowledged: UInt64 { copies.compactMap { $0?.acknowledged }.min() ?? 0 }
}

extension World {
  /// Something happens.
  func step() throws {
    let roll = random.below(1000)
    if !calm {
      var bound = 0
      func falls(_ share: Int) -> Bool {
        bound += share
        return roll < bound
      }
      if falls(profile.crash) { return random.pick(live).map(kill) ?? () }
      if falls(profile.breakOff) { return random.pick(wires)?.breakOff(&random) ?? () }
      if falls(profile.cutOff) {
        cutOff = [random.below(profile.nodes)]
        return
      }
      if falls(profile.heal) {
        cutOff = []
        return
      }
      if falls(profile.loss) { return lose() }
      if falls(profile.copy) { return copy() }
      if falls(profile.restore) { return restore() }
      if falls(profile.snapshot) { return snapshot() }
      if falls(profile.putBack) { return putBack() }
      if falls(profile.restart) { return try restart() }
      if profile.liar != nil, falls(profile.lies) { return sayAnything() }
    }
    switch random.below(100) {
    case ..<50: try deliver()
    case ..<70: try sync()
    case ..<80: try connect()
    case ..<88: try fetch()
    default: try submit()
    }
  }

  private func deliver() throws {
    let ready = wires.filter { isReachable($0) && !($0.toFollower.isEmpty && $0.toAuthority.isEmpty) }
    guard let wire = random.pick(ready) else { return }
    let toFollower = wire.toAuthority.isEmpty || !wire.toFollower.isEmpty && random.chance(500)
    try deliver(wire, toFollower: toFollower)
  }

  private func sync() throws {
    guard let process = random.pick(live.filter { !$0.disk.isSynced }) else { return }
    if !calm, process.node < profile.slow.count, random.chance(profile.slow[process.node]) { return }
    let block = process.disk.sync(&random)
    process.memory.note(stored: block)
    if process.isAuthority {
      try tell(authority: process, .stored(block))
    } else {
      try tell(follower: process, .stored(block))
    }
  }

  private func connect() throws {
    let candidates = live.filter { !$0.isAuthority && !cutOff.contains($0.node) }
    guard let follower = random.pick(candidates) else { return }
    if follower.wire?.followerOpen == true, calm || !random.chance(30) { return }
    let authorities = live.filter { $0.isAuthority && !(cutOff.contains(0) && $0 === processes[0]) }
    if let authority = random.pick(authorities) { try connect(follower, to: authority) }
  }

  private func fetch() throws {
    guard let process = random.pick(live.filter { $0.fetch != nil }), let fetch = process.fetch else { return }
    process.fetch = nil
    let source = processes.compactMap { $0 }.first { $0.name == fetch.node }
    guard let source, !cutOff.contains(source.node), calm || random.chance(900),
      source.disk.block(at: fetch.after.height) == fetch.after, source.disk.head.height > fetch.after.height
    else { return try tell(authority: process, .fetchFailed(fetch)) }
    let end = min(fetch.through, source.disk.head.height, fetch.after.height + 1 + UInt64(random.below(4)))
    let blocks = (fetch.after.height + 1...end).compactMap(source.disk.block(at:))
    try tell(authority: process, .fetched(fetch, blocks))
  }

  private func submit() throws {
    guard let process = random.pick(live.filter { $0.accepting != nil }), let epoch = process.accepting,
      process.disk.head.height < enough
    else { return }
    try tell(authority: process, .appended(produce(process, epoch)))
  }

  func restart() throws {
    if zombieDisk != nil, zombie == nil, random.chance(500) { return try bootZombie() }
    if let node = random.pick(processes.indices.filter { processes[$0] == nil }) { try boot(node) }
  }

  // MARK: - Volumes

  /// Whether the network can go on without an operator once every node is up again.
  var isRecoverable: Bool { isRecoverable(without: nil) }

  /// - Parameter node: one whose disk does not count, whatever it says.
  private func isRecoverable(without node: Int?) -> Bool {
    let others = disks.indices.dropFirst().filter { disks[$0].record.standing == .member && $0 != node }
      .map { disks[$0] }
    if disks[0].record.standing == .member, node != 0 {
      return others.count { $0.record.beginning == disks[0].record.beginning } >= network.membersToLead - 1
    }
    return others.contains { one in
      others.count { $0.record.beginning == one.record.beginning } >= network.othersToLead
    }
  }

  private func lose() {
    let node = profile.authorityLoss > 0 && random.chance(profile.authorityLoss) ? 0 : random.below(profile.nodes)
    // Two nodes cannot tell a replaced authority that still runs from one whose follower lost its volume.
    if profile.nodes == 2, zombieDisk != nil { return }
    let old = disks[node]
    var fresh = Disk(blocks: [genesis])
    if let copy = backup?.copies[node], random.chance(500) {
      fresh = Disk(blocks: copy.blocks, acknowledged: min(copy.acknowledged, backup?.acknowledged ?? 0))
      fresh.promise = copy.promise
    }
    disks[node] = fresh
    guard isRecoverable || random.chance(profile.reckless) else {
      disks[node] = old
      return
    }
    let process = processes[node]
    note("\(network.nodes[node]) loses its volume")
    if node == 0, zombieDisk == nil, !network.needsOwnDisk, random.chance(profile.zombies) {
      note("and the old one goes on")
      zombieDisk = old
      (zombieMemory, memories[0]) = (memories[0], Memory())
      images.removeAll { $0.node == 0 }
      unfinished = nil
      zombie = process
      processes[0] = nil
    } else if let process {
      kill(process)
    }
  }

  private func snapshot() {
    let node = profile.putBackProgress ? 0 : random.below(profile.nodes)
    images.append((node, disks[node].image()))
    if images.count > 4 * profile.nodes { images.remove(at: random.below(images.count)) }
  }

  /// A disk goes back to a snapshot, all of it, or its database or its standing alone; its node, if it runs, with what it
  /// had open no longer there.
  private func putBack() {
    guard let image = random.pick(images), zombieDisk == nil || image.node != 0 && profile.nodes > 2 else { return }
    let present = disks[image.node]
    var old = [image.disk, image.disk]
    let mixed = [present.replacing(databaseBy: image.disk), image.disk.replacing(databaseBy: present)]
    // Nobody can tell when a restore has written the one, and not the other, and its node has not started since.
    let known = memories[image.node].told?.standing.beginning
    if !image.disk.leftOut { old += mixed.filter { $0.record.beginning == known } }
    let disk = old[random.below(old.count)].image()
    disk.leftOut = present.leftOut || image.disk.leftOut
    disks[image.node] = disk
    guard isRecoverable(without: isOld(image.node) ? image.node : nil) || random.chance(profile.reckless) else {
      disks[image.node] = present
      return
    }
    note("\(network.nodes[image.node]) has its disk of before: \(disk.summary)")
    if let process = processes[image.node] { kill(process) }
    if profile.putBackProgress { memories[image.node] = Memory() }
  }

  /// Whether the disk has gone back in time, and its node will find out when it starts.
  private func isOld(_ node: Int) -> Bool {
    memories[node].told?.missing(in: disks[node].state, disks[node]) != nil
  }

  /// Not while two volumes of the authority are about: the copied one may be the one that was replaced.
  private func copy() {
    guard zombieDisk == nil else { return }
    var backup =
      unfinished
      ?? Backup(
        height: oracle.height, copies: disks.map { _ in nil }, members: disks.map { _ in false })
    let missing = disks.indices.filter { backup.copies[$0] == nil }
    // The backup would lack what was acknowledged before it.
    if let node = random.pick(missing.filter { !isOld($0) }) {
      backup.copies[node] = disks[node].copy()
      let record = disks[node].record
      backup.members[node] = record.standing == .member && record.beginning == beginning
    }
    unfinished = backup
    if !backup.copies.contains(where: { $0 == nil }) { (self.backup, unfinished) = (backup, nil) }
  }

  /// The whole network goes back to a backup, perhaps but for one follower, which turns up later.
  private func restore() {
    guard let backup else { return }
    let left = profile.nodes > 2 && random.chance(500) ? 1 + random.below(profile.nodes - 1) : 0
    let beginning = random.bytes16()
    let taken = backup.copies.indices.filter { left == 0 || $0 != left }.compactMap { backup.copies[$0] }
    // Two ways to settle that the copies were taken at different times: one head for all, or one floor of epochs.
    let level = random.chance(500) ? taken.max { $0.head < $1.head } : nil
    let floor = taken.map { max($0.promise.number, $0.head.epoch) }.max() ?? 0
    let reign =
      level == nil && profile.restoreSettlesEpochs ? Epoch(number: floor, nonce: random.bytes16()) : .none
    var restored = disks
    for (node, copy) in backup.copies.enumerated() where left == 0 || node != left {
      guard let copy else { return }
      restored[node] = Disk(blocks: copy.blocks, acknowledged: backup.acknowledged, promise: copy.promise)
      guard backup.members[node] else { continue }
      if let level, profile.restoreSettlesEpochs {
        restored[node] = Disk(blocks: level.blocks, acknowledged: backup.acknowledged, promise: copy.promise)
      }
      restored[node].write(
        StandingRecord(standing: .member, beginning: beginning, reign: reign), serial: nextSerial)
    }
    let before = disks
    disks = restored
    guard isRecoverable else {
      disks = before
      return
    }
    // What every copy knew to be acknowledged stays, and what was when the first was taken.
    let height = max(backup.height, backup.acknowledged)
    self.beginning = beginning
    note("restore of the whole network to \(height)" + (left > 0 ? " without \(network.nodes[left])" : ""))
    for process in live { kill(process) }
    (zombieDisk, unfinished) = (nil, nil)
    // What the authority knows to be acknowledged, and the network gave up, would stop it for good; and two nodes do not
    // go on without either of them.
    images.removeAll { $0.node == 0 || profile.nodes == 2 }
    for image in images { image.disk.leftOut = true }
    for disk in disks { disk.leftOut = false }
    if left > 0 { disks[left].leftOut = true }
    oracle.forget(above: height)
  }
}
