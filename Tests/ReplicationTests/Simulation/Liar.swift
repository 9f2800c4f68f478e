import GoudCore

@testable import Replication

/// Numbers that break arithmetic, and those around them.
enum Extremes {
  static let all: [UInt64] = {
    let edges: [UInt64] = [0, 1 << 20, 1 << 31, 1 << 32, 1 << 53, 1 << 62, 1 << 63]
    let offsets: [UInt64] = [0, 1, 2, 3, 4]
    let around: [UInt64] = edges.flatMap { edge in offsets.map { edge &+ $0 &- 2 } }
    return Set(around + [.max - 2]).sorted()
  }()
}

// MARK: - Every number of every message

/// Puts a number in the place of one.
private typealias Change<Message> = (inout Message, UInt64) -> Void

/// Changes of a part, as changes of the whole.
private func inside<Whole, Part>(_ path: WritableKeyPath<Whole, Part>, _ changes: [Change<Part>]) -> [Change<Whole>] {
  changes.map { change in { change(&$0[keyPath: path], $1) } }
}

private var blockNumbers: [Change<BlockID>] { [{ $0.height = $1 }, { $0.epoch = $1 }] }
private var positionNumbers: [Change<Position>] {
  inside(\.head, blockNumbers) + [{ $0.acknowledged = $1 }, { $0.promised = $1 }]
}
private var refusalNumbers: [Change<Refusal>] { [{ $0.promised = $1 }, { $0.height = $1 }] }

/// Of a list of blocks: of the first, the one in the middle and the last.
private func listNumbers(_ blocks: [BlockID]) -> [Change<[BlockID]>] {
  Set([0, blocks.count / 2, blocks.count - 1]).filter(blocks.indices.contains).sorted().flatMap { index in
    blockNumbers.map { change in { change(&$0[index], $1) } }
  }
}

/// The message, each time with another of its numbers replaced.
private func all<Message>(_ message: Message, _ changes: [Change<Message>], _ value: UInt64) -> [Message] {
  changes.map { change in
    var copy = message
    change(&copy, value)
    return copy
  }
}

extension FollowerMessage {
  /// Itself, each time with another of its numbers replaced.
  func altered(to value: UInt64) -> [FollowerMessage] {
    switch self {
    case .introduction(let message):
      let changes: [Change<Introduction>] =
        inside(\.position, positionNumbers) + inside(\.locator, listNumbers(message.locator))
      return all(message, changes, value).map { .introduction($0) }
    case .promise(let message):
      let own: [Change<Promise>] = [{ $0.epoch.number = $1 }, { $0.round = UInt32(clamping: $1) }]
      let changes = own + inside(\.position, positionNumbers) + inside(\.locator, listNumbers(message.locator))
      return all(message, changes, value).map { .promise($0) }
    case .stored(let message):
      let own: [Change<Stored>] = [{ $0.epoch = $1 }]
      return all(message, own + inside(\.head, blockNumbers), value).map { .stored($0) }
    case .refusal(let message): return all(message, refusalNumbers, value).map { .refusal($0) }
    }
  }
}

extension AuthorityMessage {
  /// Itself, each time with another of its numbers replaced.
  func altered(to value: UInt64) -> [AuthorityMessage] {
    switch self {
    case .openEpoch(let message):
      let own: [Change<OpenEpoch>] = [
        { $0.epoch.number = $1 }, { $0.reign.number = $1 }, { $0.round = UInt32(clamping: $1) },
      ]
      return all(message, own, value).map { .openEpoch($0) }
    case .append(let message):
      let own: [Change<Append>] = [{ $0.epoch = $1 }, { $0.acknowledged = $1 }]
      let changes = own + inside(\.previous, blockNumbers) + inside(\.blocks, listNumbers(message.blocks))
      return all(message, changes, value).map { .append($0) }
    case .acknowledged(let message):
      return all(message, [{ $0.epoch = $1 }, { $0.height = $1 }], value).map { .acknowledged($0) }
    case .admission(let message):
      return all(message, [{ $0.epoch = $1 }, { $0.height = $1 }], value).map { .admission($0) }
    case .refusal(let message): return all(message, refusalNumbers, value).map { .refusal($0) }
    }
  }
}

// MARK: - What a liar says

extension World {
  /// Anything: an extreme, something near what is true, a step of `EpochReach` further.
  private func number(near value: UInt64) -> UInt64 {
    let near = UInt64(random.below(5))
    switch random.below(10) {
    case ..<4: return random.pick(Extremes.all) ?? 0
    case ..<7: return value &+ near &- 2
    case ..<9: return value &+ profile.reach.step &+ near &- 2
    default: return random.next() >> UInt64(random.below(64))
    }
  }

  private var bytes: [UInt8] {
    random.pick([[], beginning, random.bytes16(), [UInt8](repeating: 0, count: 16)]) ?? []
  }
  private var standing: Standing { random.chance(500) ? .member : .rejoining }

  /// A number of it replaced, or two.
  func lie(_ message: FollowerMessage, by process: Process) -> FollowerMessage {
    var message = message
    for _ in 0..<1 + random.below(2) {
      let value = number(near: epoch(near: process))
      message = random.pick(message.altered(to: value)) ?? message
    }
    return message
  }

  func lie(_ message: AuthorityMessage, by process: Process) -> AuthorityMessage {
    var message = message
    for _ in 0..<1 + random.below(2) {
      let value = number(near: random.chance(500) ? epoch(near: process) : process.disk.head.height)
      message = random.pick(message.altered(to: value)) ?? message
    }
    return message
  }

  /// What somebody who wants to do harm knows of the present epoch.
  private func epoch(near process: Process) -> UInt64 {
    random.pick(live.map(\.disk.promise.number) + [process.disk.head.epoch]) ?? 0
  }

  /// Out of nothing; no second introduction, which the transport refuses.
  func followersLie(_ process: Process) -> FollowerMessage {
    let blocks = live.map(\.disk.head) + [process.disk.blocks[random.below(process.disk.blocks.count)]]
    var head = random.pick(blocks) ?? genesis
    if random.chance(300) { head = BlockID(height: head.height, epoch: head.epoch, hash: random.bytes16()) }
    let epochs = live.compactMap { $0.isAuthority ? $0.disk.promise : nil } + [process.disk.promise]
    let epoch = random.pick(epochs) ?? .none
    switch random.below(3) {
    case 0:
      let position = Position(
        head: head, acknowledged: number(near: head.height), standing: standing, beginning: bytes,
        promised: number(near: epoch.number))
      let locator = random.chance(500) ? process.disk.locator : [head, genesis]
      return .promise(
        Promise(epoch: epoch, round: UInt32(random.below(4)), position: position, locator: locator))
    case 1: return .stored(Stored(epoch: epoch.number, head: head, standing: standing))
    default:
      let code = random.pick(Refusal.Code.allCases) ?? .promised
      return .refusal(
        Refusal(
          random.chance(500) ? .promised : code, promised: number(near: epoch.number),
          height: number(near: head.height)))
    }
  }

  /// Out of nothing. What it signs is its own: blocks too, which link to each other as whoever receives them has checked.
  func authoritysLie(_ process: Process, to follower: Process) -> AuthorityMessage {
    let epoch = Epoch(
      number: number(near: follower.disk.promise.number),
      nonce: random.chance(300) ? follower.disk.promise.nonce : random.bytes16())
    let present = follower.disk.promise.number
    switch random.below(6) {
    case 0, 1:
      let demand: OpenEpoch.Demand =
        random.pick([.none, .none, .rejoin, .join(beginning: random.bytes16()), .join(beginning: beginning)]) ?? .none
      let reign = random.pick([epoch, follower.disk.record.reign, Epoch(number: number(near: present), nonce: bytes)])
      return .openEpoch(
        OpenEpoch(
          epoch: epoch, reign: reign ?? epoch, round: UInt32(random.below(4)), standing: standing, beginning: bytes,
          demand: demand))
    case 2:
      let previous = follower.disk.blocks[random.below(follower.disk.blocks.count)]
      return .append(
        Append(
          epoch: present, previous: previous, blocks: forge(on: previous, upTo: present),
          acknowledged: number(near: previous.height)))
    case 3: return .acknowledged(Acknowledged(epoch: present, height: number(near: follower.disk.head.height)))
    case 4:
      return .admission(
        Admission(epoch: present, height: number(near: follower.disk.head.height), beginning: random.bytes16()))
    default:
      return .refusal(
        Refusal(
          random.pick(Refusal.Code.allCases) ?? .promised, promised: number(near: present),
          height: number(near: follower.disk.head.height)))
    }
  }

  /// Signed by the authority's key, heights and hashes in order, as whoever receives blocks checks.
  private func forge(on previous: BlockID, upTo epoch: UInt64) -> [BlockID] {
    var last = previous
    return (0..<1 + random.below(3)).map { _ in
      let lowest = max(last.epoch, epoch > 0 ? epoch - UInt64(random.below(2)) : 0)
      let block = BlockID(
        height: last.height + 1, epoch: random.chance(200) ? max(lowest, number(near: epoch)) : lowest,
        hash: random.bytes16())
      oracle.produced(block, on: last)
      last = block
      return block
    }
  }

  /// The liar speaks, unasked, on one of its connections.
  func sayAnything() {
    let open = wires.filter { wire in
      profile.liar == 0 ? wire.authorityOpen : wire.followerOpen && wire.follower.node == profile.liar
    }
    guard let wire = random.pick(open) else { return }
    if wire.follower.node == profile.liar {
      wire.toAuthority.append(.message(followersLie(wire.follower)))
    } else {
      wire.toFollower.append(.message(authoritysLie(wire.authority, to: wire.follower)))
    }
  }

  // MARK: - Afterwards

  /// The liar is gone, everything starts again as it is on disk, and an operator looks after it once: the network opens
  /// another epoch, and acknowledges entries on every node.
  func recover() throws -> Outcome {
    calm = true
    cutOff = []
    note("the liar is gone")
    for process in live { kill(process) }
    let before = disks[0].promise.number
    for node in disks.indices { try boot(node) }
    enough = (disks.map(\.head.height).max() ?? 0) + 5
    for pass in 0..<4 {
      for _ in 0..<1500 * profile.nodes {
        if goesOn(after: before) { return Outcome(acknowledged: Int(disks[0].acknowledged)) }
        try step()
      }
      note("an operator looks after it")
      try repair(all: pass > 0)
    }
    throw Violation(description: "the network does not go on: \(summary)")
  }

  private func goesOn(after epoch: UInt64) -> Bool {
    guard let authority = processes[0], authority.accepting != nil, authority.disk.promise.number > epoch else {
      return false
    }
    return processes.allSatisfy { process in
      guard let disk = process?.disk else { return false }
      return disk.acknowledged + 1 >= enough && disk.head == authority.disk.head
        && disk.record.beginning == authority.disk.record.beginning
    }
  }

  /// Whoever does not hold what the authority holds gets an empty volume; if that leaves too few, the authority leads
  /// with those that are there.
  private func repair(all: Bool) throws {
    let authority = disks[0]
    for node in disks.indices.dropFirst() {
      let disk = disks[node]
      let agrees =
        disk.record.standing == .member && disk.record.beginning == authority.record.beginning
        && authority.block(at: disk.head.height) == disk.head
      if agrees, !all { continue }
      processes[node].map(kill)
      disks[node] = Disk(blocks: [genesis])
      try boot(node)
    }
    // One that a fault has stopped looks again when it is started.
    processes[0].map(kill)
    guard !isRecoverable else { return try boot(0) }
    authority.write(.absent, serial: 0)
    try boot(0)
    guard let process = processes[0] else { return }
    try tell(authority: process, .overridden(others: network.acknowledgements - 1, beginning: random.bytes16()))
  }
}

extension Profile {
  /// A follower that lies, in networks of 2, 3 and 5 nodes; nobody loses a disk, and no process more than its memory.
  static func liar(_ seed: UInt64, authority: Bool) -> Profile {
    var random = Random(seed: seed ^ 0x11a5)
    var profile = Profile(nodes: random.pick([2, 3, 3, 3, 5]) ?? 3, steps: 100 + random.below(300))
    profile.liar = authority ? 0 : 1 + random.below(profile.nodes - 1)
    profile.lies = 20 + random.below(300)
    profile.falseNumbers = random.below(400)
    (profile.loss, profile.copy, profile.restore, profile.zombies) = (0, 0, 0, 0)
    profile.crash = random.below(20)
    profile.crashInside = random.below(4)
    profile.breakOff = random.below(30)
    if random.chance(300) { profile.reach = .small(&random) }
    return profile
  }
}

extension EpochReach {
  /// So small that ordinary networks come to it.
  static func small(_ random: inout Random) -> EpochReach {
    EpochReach(
      step: 1 + UInt64(random.below(4)), climb: 4 + UInt64(random.below(8)), far: 10 + UInt64(random.below(30)),
      last: .max >> 1, raises: 4 + random.below(8))
  }
}
